#include "src/pipeline/nack_report.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

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

class Blame {
 public:
  Blame(const xds::Nack& nack, const xds::Refused& refused, const envoy::Translation& envoy)
      : nack_(nack), refused_(refused), envoy_(envoy) {}

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
              if (envoy::Role(key.route_config.listener.proxy) == nack_.role) Gateway(key.route_config.listener);
            });
        break;
      case Type::kRoute:
        ForEachOf(
            envoy_.shard_tables(), [](const auto& config) { return config->resource; },
            [&](const envoy::ShardKey& key) {
              if (envoy::Role(key.route_config.listener.proxy) == nack_.role) Routes(key.route_config);
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
      if (resource && resource->name == refused_.name) found(key);
    });
  }

  void Secrets() {
    envoy_.secrets().ForEach([&](const SecretRef& ref, const Ptr<envoy::SecretResources>& secret) {
      for (const auto& resource : {secret->certificate, secret->authority}) {
        if (resource && resource->name == refused_.name) Add({{Kind::kSecret, ref.ns, ref.name}, ""});
      }
    });
  }

  void Gateway(const proxy::ListenerKey& key) { Add({{Kind::kGateway, key.gateway.ns, key.gateway.name}, ""}); }

  void Routes(const envoy::RouteConfigKey& key) {
    Suspects suspects = HostsOf(envoy_, key, NewPieces(refused_));
    const auto named =
        std::stable_partition(suspects.begin(), suspects.end(),
                              [&](const Ptr<envoy::VirtualHost>& host) { return IsNamed(*host, nack_.message); });
    if (named != suspects.begin()) suspects.erase(named, suspects.end());
    // What is new to a client that had nothing is no sign of guilt.
    const bool all = !refused_.accepted && named == suspects.begin();
    if (suspects.empty() || suspects.size() > kMostSuspects || (all && suspects.size() > 1))
      return Gateway(key.listener);
    for (const auto& host : suspects) Add(host->from->source);
  }

  void Add(const proxy::Source& source) {
    problems_.push_back({source.object, Severity::kError, source.path,
                         "Envoy refused " + refused_.name +
                             ", so the version before it stays in use: " + WordsAbout(refused_.name, nack_.message),
                         "change what Envoy names"});
  }

  const xds::Nack& nack_;
  const xds::Refused& refused_;
  const envoy::Translation& envoy_;
  Problems problems_;
};

}  // namespace

Problems ReportNack(const xds::Nack& nack, const xds::Refused& refused, const envoy::Translation& envoy) {
  return Blame(nack, refused, envoy).Find();
}

}  // namespace k8sgw
