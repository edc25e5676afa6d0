#include "src/gateway/unselected.h"

#include "api/gateway/v1/virtual_service.proto.h"

namespace k8sgw::gateway {

Problem ExplainUnwatched(const ResourceKey& object) {
  return Notice({object, "metadata.namespace"}, "does not count, because its namespace is not watched",
                "add the namespace to watchNamespaces in Settings");
}

Problem ExplainUnselected(const Object<gatewayv1::VirtualService>& service, const GatewaySettings& settings,
                          const flow::Collection<proxy::ListenerKey, Selection>& listeners) {
  const Source at{KeyOf(service.ref), ""};
  if (!settings.Watches(service.ref.ns)) return ExplainUnwatched(at.object);
  if (!service.spec.has_virtual_host()) {
    return Warning(Field(at, "virtualHost"), "is missing, so the VirtualService is not served", "add virtualHost");
  }
  if (listeners.size() == 0) {
    return Notice(at, "is not served, because there is no Gateway",
                  "create a Gateway in namespace " + settings.write_namespace);
  }
  const bool ssl = service.spec.has_ssl_config();
  bool fits = false;
  listeners.ForEach([&](const proxy::ListenerKey&, const Ptr<Selection>& selection) { fits |= selection->ssl == ssl; });
  if (!fits) {
    return ssl ? Notice(Field(at, "sslConfig"), "no Gateway with ssl: true exists, so the VirtualService is not served",
                        "create such a Gateway, or remove sslConfig")
               : Notice(at, "is not served, because it has no sslConfig and every Gateway has ssl: true",
                        "add sslConfig, or create a Gateway without ssl");
  }
  return Notice(at, "is not served, because no Gateway selects it",
                "correct its labels or namespace, or the selection in httpGateway of a Gateway");
}

}  // namespace k8sgw::gateway
