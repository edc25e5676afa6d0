#include "src/proxy_validation/findings.h"

#include "api/gloo/v1/proxy.proto.h"

namespace k8sgw::proxy_validation {
namespace {

void Append(const Problems& more, Problems& problems) { problems.insert(problems.end(), more.begin(), more.end()); }

}  // namespace

std::map<ProxyRef, ProxyFindings> CollectFindings(const Pipeline& pipeline) {
  const gateway::Translation& gateway = pipeline.gateway();
  const envoy::Translation& envoy = pipeline.envoy();
  std::map<ProxyRef, ProxyFindings> proxies;
  gateway.listeners().ForEach([&](const proxy::ListenerKey& key, const Ptr<proxy::Listener>& listener) {
    ListenerFindings& found = proxies[key.proxy][listener->spec->name()];
    Append(listener->problems, found.of_objects);
    if (const auto checked = envoy.checked_listeners().Get(key)) Append(checked->problems, found.of_translation);
    if (const auto translated = envoy.listeners().Get(key)) Append(translated->problems, found.of_translation);
  });
  gateway.virtual_hosts().ForEach([&](const proxy::VirtualHostKey& key, const Ptr<proxy::VirtualHost>& host) {
    const auto listener = gateway.listeners().Get(key.listener);
    if (!listener) return;
    HostFindings& found = proxies[key.listener.proxy][listener->spec->name()].hosts[host->spec->name()];
    found.part = host;
    Append(host->problems, found.of_objects);
    if (const auto translated = envoy.translated_virtual_hosts().Get(key))
      Append(translated->problems, found.of_translation);
  });
  return proxies;
}

}  // namespace k8sgw::proxy_validation
