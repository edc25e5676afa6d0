#include "src/validation/pieces.h"

#include <set>

namespace k8sgw::validation {

Pieces TakePieces(const Pipeline& pipeline) {
  const envoy::Translation& envoy = pipeline.envoy();
  Pieces pieces;
  envoy.clusters().ForEach(
      [&](const UpstreamRef& ref, const Ptr<xds::Resource>& cluster) { pieces.clusters.emplace_back(ref, cluster); });
  envoy.listeners().ForEach([&](const proxy::ListenerKey& key, const Ptr<envoy::TranslatedListener>& part) {
    const auto from = envoy.served_listeners().Get(key);
    if (part->resource && from) pieces.listeners.push_back({key, from, part->resource});
  });
  envoy.served_virtual_hosts().ForEach(
      [&](const proxy::VirtualHostKey& key, const Ptr<envoy::ServedVirtualHost>& served) {
        pieces.hosts.push_back({key, served});
      });
  return pieces;
}

Pieces NewPieces(const Pieces& now, const Pieces& before) {
  std::set<const void*> known;
  for (const auto& [ref, cluster] : before.clusters) known.insert(cluster.get());
  for (const Pieces::Listener& listener : before.listeners) known.insert(listener.resource.get());
  for (const Pieces::Host& host : before.hosts) known.insert(host.served.get());
  Pieces pieces;
  for (const auto& cluster : now.clusters) {
    if (!known.contains(cluster.second.get())) pieces.clusters.push_back(cluster);
  }
  std::set<proxy::ListenerKey> needed;
  for (const Pieces::Host& host : now.hosts) {
    if (known.contains(host.served.get())) continue;
    pieces.hosts.push_back(host);
    needed.insert(host.key.listener);
  }
  for (Pieces::Listener listener : now.listeners) {
    listener.suspect = !known.contains(listener.resource.get());
    if (listener.suspect || needed.contains(listener.key)) pieces.listeners.push_back(std::move(listener));
  }
  return pieces;
}

}  // namespace k8sgw::validation
