#include "src/proxy_debug/shown_proxies.h"

#include <algorithm>

#include "api/core/v1/metadata.proto.h"
#include "api/gloo/grpc/debug.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/base/printable.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/proxy_debug/label_expression.h"

namespace k8sgw::proxy_debug {
namespace {

absl::StatusOr<std::vector<Ptr<std::string>>> TheOne(const ShownProxies& proxies, const std::string& ns,
                                                     const std::string& name) {
  if (ns.empty()) return absl::InvalidArgumentError("namespace: is missing: a name needs it");
  for (const ShownProxy& proxy : proxies) {
    if (proxy.ns == ns && proxy.name == name) return std::vector{proxy.bytes};
  }
  return absl::NotFoundError(Cat("there is no Proxy ", Printable(ns), "/", Printable(name)));
}

}  // namespace

ShownProxies Show(const std::vector<gloov1::Proxy>& proxies) {
  ShownProxies shown;
  for (const gloov1::Proxy& proxy : proxies) {
    const auto& metadata = proxy.metadata();
    shown.push_back({metadata.namespace_(), metadata.name(), Labels(metadata.labels().begin(), metadata.labels().end()),
                     std::make_shared<const std::string>(SerializeDeterministic(proxy))});
  }
  return shown;
}

absl::StatusOr<std::vector<Ptr<std::string>>> Choose(const ShownProxies& proxies,
                                                     const gloov1::ProxyEndpointRequest& request) {
  if (!request.name().empty()) return TheOne(proxies, request.namespace_(), request.name());
  const absl::StatusOr<LabelExpression> expression = LabelExpression::Parse(request.expression_selector());
  if (!expression.ok()) return expression.status();
  const auto selected = [&](const ShownProxy& proxy) {
    if (!request.namespace_().empty() && proxy.ns != request.namespace_()) return false;
    if (!request.expression_selector().empty()) return expression->Selects(proxy.labels);
    return std::all_of(request.selector().begin(), request.selector().end(), [&](const auto& wanted) {
      const auto found = proxy.labels.find(wanted.first);
      return found != proxy.labels.end() && found->second == wanted.second;
    });
  };
  std::vector<Ptr<std::string>> chosen;
  for (const ShownProxy& proxy : proxies) {
    if (selected(proxy)) chosen.push_back(proxy.bytes);
  }
  return chosen;
}

}  // namespace k8sgw::proxy_debug
