#include "src/pipeline/nack_report.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/envoy/names.h"

namespace k8sgw {
namespace {

using xds::Type;

// Envoy's words are about all that it refused at once; a problem has those about one resource.
constexpr size_t kMostWords = 400;

// More than these are not singled out: their Gateway is blamed for all.
constexpr size_t kMostSuspects = 20;

using Suspects = std::vector<Ptr<envoy::VirtualHost>>;

// The virtual hosts with these bytes in them, or in their part of a divided table, as far as they are still served.
Suspects HostsOf(const envoy::Translation& envoy, const envoy::RouteConfigKey& key,
                 const std::set<const std::string*>& pieces) {
  Suspects hosts;
  envoy.served_virtual_hosts().ForEach([&](const proxy::VirtualHostKey&, const Ptr<envoy::ServedVirtualHost>& served) {
    if (served->host->route_config == key && pieces.contains(served->host->bytes.get())) {
      hosts.push_back(served->host);
    }
  });
  if (!hosts.empty()) return hosts;
  std::set<proxy::VirtualHostKey> split;
  envoy.shard_pieces().ForEach([&](const envoy::ShardHostKey& piece_key, const Ptr<envoy::HostPiece>& piece) {
    if (piece_key.shard.route_config == key && pieces.contains(piece->bytes.get())) split.insert(piece_key.host);
  });
  for (const proxy::VirtualHostKey& host : split) {
    if (const auto served = envoy.served_virtual_hosts().Get(host)) hosts.push_back(served->host);
  }
  return hosts;
}

// The virtual hosts, by their bytes, that are not in the version that the client had before.
std::set<const std::string*> NewPieces(const xds::Refused& refused) {
  std::set<const std::string*> pieces;
  for (const auto& block : refused.resource->joined_from) {
    for (const auto& piece : *block) pieces.insert(piece.get());
  }
  if (!refused.accepted) return pieces;
  for (const auto& block : refused.accepted->joined_from) {
    for (const auto& piece : *block) pieces.erase(piece.get());
  }
  return pieces;
}

bool IsNamed(const envoy::VirtualHost& host, const std::string& message) {
  if (xds::IsNamedIn(message, envoy::SanitizeStatName(host.from->spec->name()))) return true;
  return std::any_of(host.domains.begin(), host.domains.end(),
                     [&](const std::string& domain) { return domain != "*" && xds::IsNamedIn(message, domain); });
}

std::string WordsAbout(const std::string& name, const std::string& message) {
  if (message.size() <= kMostWords) return message;
  const size_t at = message.find(name);
  return message.substr(at == std::string::npos ? 0 : at, kMostWords) + "…";
}

// Of a part of a divided table, or of its scope: what stands before the cut and the number.
std::string TableOfPart(const std::string& name) { return name.substr(0, name.rfind('/', name.rfind('/') - 1)); }

class Blame {
 public:
  Blame(const xds::Nack& nack, const xds::Refused& refused, const envoy::Translation& envoy)
      : nack_(nack), refused_(refused), envoy_(envoy), name_(refused.name), message_(nack.message) {}

  Problems Find() {
    switch (nack_.type) {
      case Type::kCluster:
        ForEachOf(
            envoy_.clusters(), [](const auto& cluster) { return cluster; },
            [&](const UpstreamRef& ref) { Add({envoy::ObjectOf(ref), ""}); });
        break;
      case Type::kEndpoint:
        ForEachOf(
            envoy_.endpoints(), [](const auto& endpoints) { return endpoints; },
            [&](const UpstreamRef& ref) { Add({envoy::ObjectOf(ref), ""}); });
        break;
      case Type::kSecret: Secrets(); break;
      case Type::kListener:
        ForEachOf(
            envoy_.listeners(), [](const auto& listener) { return listener->resource; },
            [&](const proxy::ListenerKey& key) {
              if (envoy::Role(key.proxy) == nack_.role) Gateway(key);
            });
        break;
      case Type::kScope:
        ForEachOf(
            envoy_.scopes(), [](const auto& scope) { return scope; },
            [&](const envoy::ShardKey& key) {
              if (envoy::Role(key.route_config.listener.proxy) != nack_.role) return;
              NameTheTable();
              Gateway(key.route_config.listener);
            });
        break;
      case Type::kRoute:
        ForEachOf(
            envoy_.shard_tables(), [](const auto& config) { return config->resource; },
            [&](const envoy::ShardKey& key) {
              if (envoy::Role(key.route_config.listener.proxy) != nack_.role) return;
              NameTheTable();
              Routes(key.route_config);
            });
        ForEachOf(
            envoy_.route_configurations(), [](const auto& config) { return config->resource; },
            [&](const envoy::RouteConfigKey& key) {
              if (envoy::Role(key.listener.proxy) == nack_.role) Routes(key);
            });
        break;
    }
    return std::move(problems_);
  }

 private:
  template <class Collection, class ResourceOf, class Found>
  void ForEachOf(const Collection& parts, const ResourceOf& resource_of, const Found& found) {
    parts.ForEach([&](const auto& key, const auto& part) {
      const Ptr<xds::Resource> resource = resource_of(part);
      if (resource && IsRefused(*resource)) found(key);
    });
  }

  // Whether it is what was refused, and no newer version, which Envoy judges by itself.
  bool IsRefused(const xds::Resource& resource) const {
    const auto same = [&](const xds::Resource& form) { return form.version == refused_.resource->version; };
    return resource.name == refused_.name &&
           (!refused_.resource || same(resource) || (resource.with_module && same(*resource.with_module)));
  }

  void Secrets() {
    envoy_.secrets().ForEach([&](const SecretRef& ref, const Ptr<envoy::SecretResources>& secret) {
      for (const auto& resource : {secret->certificate, secret->authority}) {
        if (resource && IsRefused(*resource)) Add({{Kind::kSecret, ref.ns, ref.name}, ""});
      }
    });
  }

  // Users know the table, and nothing of its parts. One that stands in all of them is refused once for each.
  void NameTheTable() {
    name_ = TableOfPart(refused_.name);
    const std::string prefix = refused_.name.substr(0, refused_.name.rfind('/') + 1);
    for (size_t at = 0; (at = message_.find(prefix, at)) != std::string::npos;) {
      size_t end = at + prefix.size();
      while (end < message_.size() && absl::ascii_isdigit(static_cast<unsigned char>(message_[end]))) ++end;
      at += name_.size();
      message_.erase(at, end - at);
    }
  }

  void Gateway(const proxy::ListenerKey& key) { Add({{Kind::kGateway, key.gateway.ns, key.gateway.name}, ""}); }

  void Routes(const envoy::RouteConfigKey& key) {
    Suspects suspects = HostsOf(envoy_, key, NewPieces(refused_));
    const auto named =
        std::stable_partition(suspects.begin(), suspects.end(),
                              [&](const Ptr<envoy::VirtualHost>& host) { return IsNamed(*host, message_); });
    if (named != suspects.begin()) suspects.erase(named, suspects.end());
    // What is new to a client that had nothing is no sign of guilt.
    const bool all = !refused_.accepted && named == suspects.begin();
    if (suspects.empty() || suspects.size() > kMostSuspects || (all && suspects.size() > 1))
      return Gateway(key.listener);
    for (const auto& host : suspects) Add(host->from->source);
  }

  void Add(const proxy::Source& source) {
    problems_.push_back(
        {source.object, Severity::kError, source.path,
         "Envoy refused " + name_ + ", so the version before it stays in use: " + WordsAbout(name_, message_),
         "change what Envoy names"});
  }

  const xds::Nack& nack_;
  const xds::Refused& refused_;
  const envoy::Translation& envoy_;
  // Of what was refused, and Envoy's words, as they are told.
  std::string name_, message_;
  Problems problems_;
};

}  // namespace

Problems ReportNack(const xds::Nack& nack, const xds::Refused& refused, const envoy::Translation& envoy) {
  return Blame(nack, refused, envoy).Find();
}

}  // namespace k8sgw
