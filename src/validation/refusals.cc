#include "src/validation/refusals.h"

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/names.h"
#include "src/validation/bootstrap_builder.h"
#include "src/validation/envoy_check.h"
#include "src/validation/envoy_runner.h"

namespace k8sgw::validation {
namespace {

using ::envoy::config::route::v3::RouteConfiguration;
using ::envoy::config::route::v3::VirtualHost;

struct ListenerPart {
  proxy::ListenerKey key;
  proxy::Source source;
  Ptr<xds::Resource> resource;
};

struct HostPart {
  Ptr<proxy::VirtualHost> from;
  const ListenerPart* listener = nullptr;
  std::string table;
  VirtualHost host;
};

class Inquiry {
 public:
  Inquiry(const Pipeline& pipeline, const std::string& envoy) : pipeline_(pipeline), envoy_(envoy) {}

  Problems Run() {
    Clusters();
    const std::vector<ListenerPart> listeners = Listeners();
    Hosts(listeners);
    return std::move(problems_);
  }

 private:
  void Report(const proxy::Source& source, const std::string& words) {
    problems_.push_back(
        {source.object, Severity::kError, source.path, "Envoy refuses it: " + words, "change what Envoy names"});
  }

  std::string Ask(const BootstrapBuilder& builder) const { return AskEnvoyAbout(builder.bootstrap(), envoy_); }

  void Clusters() {
    std::vector<std::pair<UpstreamRef, Ptr<xds::Resource>>> parts;
    pipeline_.envoy().clusters().ForEach(
        [&](const UpstreamRef& ref, const Ptr<xds::Resource>& cluster) { parts.emplace_back(ref, cluster); });
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

  // Without virtual hosts; returns those that Envoy takes.
  std::vector<ListenerPart> Listeners() {
    std::vector<ListenerPart> parts;
    pipeline_.envoy().listeners().ForEach(
        [&](const proxy::ListenerKey& key, const Ptr<envoy::TranslatedListener>& part) {
          const auto from = pipeline_.envoy().served_listeners().Get(key);
          if (part->resource && from) parts.push_back({key, from->source, part->resource});
        });
    const auto ask = [&](size_t begin, size_t end) {
      BootstrapBuilder builder;
      for (size_t i = begin; i < end; ++i) builder.AddListener(*parts[i].resource, {});
      return Ask(builder);
    };
    std::vector<bool> good(parts.size(), true);
    for (const Refused& refused : FindRefused(parts.size(), ask)) {
      Report({parts[refused.begin].source.object, "spec"}, refused.words);
      for (size_t i = refused.begin; i < refused.end; ++i) good[i] = false;
    }
    std::vector<ListenerPart> out;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (good[i]) out.push_back(std::move(parts[i]));
    }
    return out;
  }

  std::vector<HostPart> HostParts(const std::vector<ListenerPart>& listeners) {
    std::map<proxy::ListenerKey, const ListenerPart*> by_key;
    for (const ListenerPart& listener : listeners) by_key[listener.key] = &listener;
    std::vector<HostPart> parts;
    pipeline_.envoy().served_virtual_hosts().ForEach(
        [&](const proxy::VirtualHostKey& key, const Ptr<envoy::ServedVirtualHost>& served) {
          const auto listener = by_key.find(key.listener);
          const auto config = pipeline_.envoy().route_configurations().Get(served->host->route_config);
          RouteConfiguration alone;
          // The bytes of a virtual host are a field of a RouteConfiguration.
          if (listener == by_key.end() || !config || !config->resource || !alone.ParseFromString(*served->host->bytes))
            return;
          parts.push_back({served->host->from, listener->second, config->resource->name, alone.virtual_hosts(0)});
        });
    return parts;
  }

  void Hosts(const std::vector<ListenerPart>& listeners) {
    const std::vector<HostPart> parts = HostParts(listeners);
    const auto ask = [&](size_t begin, size_t end) {
      std::map<const ListenerPart*, RouteTables> tables;
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

  const Pipeline& pipeline_;
  const std::string& envoy_;
  Problems problems_;
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
  Problems problems = Inquiry(pipeline, envoy).Run();
  if (problems.empty()) {
    problems.push_back(
        {{}, Severity::kError, "", "Envoy refuses the configuration as a whole: " + words, "change what Envoy names"});
  }
  Normalize(problems);
  return problems;
}

}  // namespace k8sgw::validation
