#include "src/status/verdicts.h"

#include <algorithm>
#include <utility>

#include "api/gloo/v1/proxy.proto.h"
#include "src/gateway/places.h"

namespace k8sgw::status {
namespace {

void AddSources(const proxy::OptionSources& options, std::vector<ResourceKey>& objects) {
  for (const auto& [field, source] : options) objects.push_back(source.object);
}

// The VirtualService itself, and the RouteTables and options that are in it.
std::vector<ResourceKey> ObjectsOf(const proxy::VirtualHost& host) {
  std::vector<ResourceKey> objects = {host.source.object};
  AddSources(host.options, objects);
  for (const proxy::RouteSource& route : host.routes) {
    // Neighbours have the same origins, as a rule.
    for (const proxy::Origin& origin : route.origins) {
      if (origin.object != objects.back()) objects.push_back(origin.object);
    }
    AddSources(route.options, objects);
  }
  std::sort(objects.begin(), objects.end());
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  return objects;
}

}  // namespace

Verdicts::Verdicts(Pipeline& pipeline, Limits limits) : pipeline_(pipeline), limits_(limits) {}

void Verdicts::AfterCommit() {
  const gateway::Translation& gateway = pipeline_.gateway();
  gateway.listeners().ForEachChanged([&](const proxy::ListenerKey& key, const Ptr<proxy::Listener>& listener) {
    Set({key, {}}, listener ? Objects{gateway::KeyOf(key.gateway)} : Objects());
  });
  gateway.virtual_hosts().ForEachChanged([&](const proxy::VirtualHostKey& key, const Ptr<proxy::VirtualHost>& host) {
    Set(key, host ? ObjectsOf(*host) : Objects());
  });
}

void Verdicts::Set(const proxy::VirtualHostKey& part, Objects objects) {
  Objects& now = parts_[part];
  const ProxyRef& proxy = part.listener.proxy;
  if (now != objects) {
    for (const ResourceKey& object : objects) Count(object, proxy, 1);
    for (const ResourceKey& object : now) Count(object, proxy, -1);
    now = std::move(objects);
  }
  if (now.empty()) parts_.erase(part);
}

void Verdicts::Count(const ResourceKey& object, const ProxyRef& proxy, int step) {
  auto& counts = proxies_[object];
  const int count = counts[proxy] += step;
  if (count == 0 || (count == 1 && step == 1)) changed_.insert(object);
  if (count == 0) counts.erase(proxy);
  if (counts.empty()) proxies_.erase(object);
}

std::vector<ResourceKey> Verdicts::TakeChanged() {
  for (const ResourceKey& object : pipeline_.problem_table().TakeChangedObjects()) changed_.insert(object);
  const std::set<ResourceKey> taken = std::exchange(changed_, {});
  return {taken.begin(), taken.end()};
}

Entry Verdicts::Of(const ResourceKey& object) const {
  std::vector<ProxyRef> proxies;
  if (const auto known = proxies_.find(object); known != proxies_.end()) {
    for (const auto& [proxy, count] : known->second) proxies.push_back(proxy);
  }
  return MakeEntry(object.kind, pipeline_.problem_table().Of(object), proxies, limits_);
}

}  // namespace k8sgw::status
