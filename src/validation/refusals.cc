#include "src/validation/refusals.h"

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"
#include "src/validation/bootstrap_builder.h"
#include "src/validation/envoy_check.h"
#include "src/validation/envoy_runner.h"
#include "src/validation/pieces.h"

namespace k8sgw::validation {
namespace {

using ::envoy::config::route::v3::RouteConfiguration;
using ::envoy::config::route::v3::VirtualHost;

struct HostPart {
  Ptr<proxy::VirtualHost> from;
  const Pieces::Listener* listener = nullptr;
  std::string table;
  VirtualHost host;
};

class Inquiry {
 public:
  Inquiry(const Pieces& pieces, const EnvoyCall& call) : pieces_(pieces), call_(call) {}

  // Errors: Envoy could not be asked about all.
  absl::StatusOr<Problems> Run() {
    Clusters();
    const std::vector<Pieces::Listener> listeners = Listeners();
    Hosts(listeners);
    if (!failure_.ok()) return failure_;
    return std::move(problems_);
  }

 private:
  void Report(const proxy::Source& source, const std::string& words) {
    problems_.push_back(
        {source.object, Severity::kError, source.path, "Envoy refuses it: " + words, "change what Envoy names"});
  }

  std::string Ask(const BootstrapBuilder& builder) {
    // What is left to ask about is soon done.
    if (!failure_.ok()) return "";
    absl::StatusOr<std::string> words = AskEnvoyAbout(builder.bootstrap(), call_);
    if (words.ok()) return *std::move(words);
    failure_ = words.status();
    return "";
  }

  void Clusters() {
    const auto& parts = pieces_.clusters;
    const auto ask = [&](size_t begin, size_t end) {
      BootstrapBuilder builder;
      for (size_t i = begin; i < end; ++i) builder.AddCluster(*parts[i].second);
      return Ask(builder);
    };
    for (const Refused& refused : FindRefused(parts.size(), ask)) {
      const UpstreamRef& ref = parts[refused.begin].first;
      Report({{Kind::kUpstream, ref.ns, ref.name}, "spec"}, refused.words);
    }
  }

  // Without virtual hosts; returns those that Envoy takes, or was not to be asked about.
  std::vector<Pieces::Listener> Listeners() {
    std::vector<Pieces::Listener> out;
    std::vector<Pieces::Listener> parts;
    for (const Pieces::Listener& listener : pieces_.listeners) (listener.suspect ? parts : out).push_back(listener);
    const auto ask = [&](size_t begin, size_t end) {
      BootstrapBuilder builder;
      for (size_t i = begin; i < end; ++i) builder.AddListener(*parts[i].resource, {});
      return Ask(builder);
    };
    std::vector<bool> good(parts.size(), true);
    for (const Refused& refused : FindRefused(parts.size(), ask)) {
      Report({parts[refused.begin].from->source.object, "spec"}, refused.words);
      for (size_t i = refused.begin; i < refused.end; ++i) good[i] = false;
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      if (good[i]) out.push_back(std::move(parts[i]));
    }
    return out;
  }

  std::vector<HostPart> HostParts(const std::vector<Pieces::Listener>& listeners) const {
    std::map<proxy::ListenerKey, const Pieces::Listener*> by_key;
    for (const Pieces::Listener& listener : listeners) by_key[listener.key] = &listener;
    std::vector<HostPart> parts;
    for (const Pieces::Host& piece : pieces_.hosts) {
      const auto listener = by_key.find(piece.key.listener);
      if (listener == by_key.end()) continue;
      const auto config = envoy::JoinVirtualHosts(*listener->second->from, piece.served->host->route_config,
                                                  {{piece.key, piece.served}});
      const auto alone = envoy::Parse<RouteConfiguration>(*config.resource);
      if (alone.virtual_hosts_size() != 1) continue;
      parts.push_back({piece.served->host->from, listener->second, config.resource->name, alone.virtual_hosts(0)});
    }
    return parts;
  }

  void Hosts(const std::vector<Pieces::Listener>& listeners) {
    const std::vector<HostPart> parts = HostParts(listeners);
    const auto ask = [&](size_t begin, size_t end) {
      std::map<const Pieces::Listener*, RouteTables> tables;
      for (size_t i = begin; i < end; ++i) {
        *tables[parts[i].listener][parts[i].table].add_virtual_hosts() = parts[i].host;
      }
      BootstrapBuilder builder;
      for (const auto& [listener, routes] : tables) builder.AddListener(*listener->resource, routes);
      return Ask(builder);
    };
    for (const Refused& refused : FindRefused(parts.size(), ask)) Routes(parts[refused.begin], refused.words);
  }

  // Looks for the routes in a virtual host that is refused; when it is none of them, it is the host itself.
  void Routes(const HostPart& part, const std::string& words) {
    const auto ask = [&](size_t begin, size_t end) {
      VirtualHost host = part.host;
      host.clear_routes();
      for (size_t i = begin; i < end; ++i) *host.add_routes() = part.host.routes(static_cast<int>(i));
      RouteTables tables;
      *tables[part.table].add_virtual_hosts() = std::move(host);
      BootstrapBuilder builder;
      builder.AddListener(*part.listener->resource, tables);
      return Ask(builder);
    };
    if (!ask(0, 0).empty()) return Report(part.from->source, words);
    for (const Refused& refused : FindRefused(static_cast<size_t>(part.host.routes_size()), ask)) {
      const auto* source = envoy::RouteSource(*part.from, part.host.routes(static_cast<int>(refused.begin)).name());
      Report(source ? *source : part.from->source, refused.words);
    }
  }

  const Pieces& pieces_;
  const EnvoyCall& call_;
  Problems problems_;
  absl::Status failure_;
};

}  // namespace

std::vector<Refused> FindRefused(size_t count, const std::function<std::string(size_t, size_t)>& ask) {
  std::vector<Refused> found;
  // Ranges that are refused, with the words against them.
  std::vector<Refused> open;
  if (count == 0) return found;
  if (std::string words = ask(0, count); !words.empty()) open.push_back({0, count, std::move(words)});
  while (!open.empty()) {
    Refused range = std::move(open.back());
    open.pop_back();
    if (range.end - range.begin == 1) {
      found.push_back(std::move(range));
      continue;
    }
    const size_t middle = range.begin + (range.end - range.begin) / 2;
    std::string first = ask(range.begin, middle);
    std::string second = ask(middle, range.end);
    if (first.empty() && second.empty()) {
      found.push_back(std::move(range));
      continue;
    }
    // The first half comes out first.
    if (!second.empty()) open.push_back({middle, range.end, std::move(second)});
    if (!first.empty()) open.push_back({range.begin, middle, std::move(first)});
  }
  return found;
}

Problems AskAboutObjects(const Pipeline& pipeline, const std::string& envoy) {
  const std::string words = AskEnvoy(pipeline, envoy);
  if (words.empty()) return {};
  absl::StatusOr<Problems> found = FindRefusedObjects(TakePieces(pipeline), {.envoy = envoy});
  Problems problems = found.ok() ? *std::move(found) : Problems();
  if (problems.empty()) {
    problems.push_back(
        {{}, Severity::kError, "", "Envoy refuses the configuration as a whole: " + words, "change what Envoy names"});
  }
  Normalize(problems);
  return problems;
}

absl::StatusOr<Problems> FindRefusedObjects(const Pieces& pieces, const EnvoyCall& call) {
  return Inquiry(pieces, call).Run();
}

}  // namespace k8sgw::validation
