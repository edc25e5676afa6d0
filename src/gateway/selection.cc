#include "src/gateway/selection.h"

#include <algorithm>

#include "api/core/v1/ref.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/http_gateway.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"

namespace k8sgw::gateway {
namespace {

// Fields beside the one that decides would be ignored in silence.
void WarnShadowed(const gatewayv1::HttpGateway& http, Selection::By by, const Source& at, Problems& problems) {
  const auto warn = [&](std::string_view field, std::string_view winner) {
    problems.push_back(
        Warning(Field(at, field), "has no effect, because " + std::string(winner) + " is set", "remove one of them"));
  };
  const char* winner = by == Selection::By::kExpressions ? "virtualServiceExpressions" : "virtualServiceSelector";
  if (by == Selection::By::kExpressions && !http.virtual_service_selector().empty()) {
    warn("virtualServiceSelector", winner);
  }
  if (by != Selection::By::kRefs && !http.virtual_services().empty()) warn("virtualServices", winner);
  // As published, namespaces do not restrict explicit refs.
  if (by == Selection::By::kRefs && !http.virtual_service_namespaces().empty()) {
    warn("virtualServiceNamespaces", "virtualServices");
  }
}

}  // namespace

Selection ReadSelection(const gatewayv1::Gateway& gateway, bool isolate_by_ssl_config, const Source& at,
                        Problems& problems) {
  const gatewayv1::HttpGateway& http = gateway.http_gateway();
  const Source place = Field(at, "httpGateway");
  Selection out;
  out.ssl = gateway.ssl();
  out.isolate_by_ssl_config = isolate_by_ssl_config;
  for (const std::string& ns : http.virtual_service_namespaces()) out.namespaces.insert(ns);
  if (out.namespaces.contains("*")) out.namespaces.clear();
  if (http.has_virtual_service_expressions()) {
    out.by = Selection::By::kExpressions;
    out.requirements = ReadRequirements(http.virtual_service_expressions().expressions());
  } else if (!http.virtual_service_selector().empty()) {
    out.by = Selection::By::kLabels;
    out.labels.insert(http.virtual_service_selector().begin(), http.virtual_service_selector().end());
  } else if (!http.virtual_services().empty()) {
    out.by = Selection::By::kRefs;
    for (const auto& ref : http.virtual_services()) out.refs.insert({ref.namespace_(), ref.name()});
  } else {
    out.by = Selection::By::kAll;
  }
  if (out.by != Selection::By::kAll) WarnShadowed(http, out.by, place, problems);
  for (size_t i = 0; i < out.requirements.size(); ++i) {
    std::string problem = CheckRequirement(out.requirements[i]);
    if (problem.empty()) continue;
    problems.push_back(Error(Element(place, "virtualServiceExpressions.expressions", static_cast<int>(i)),
                             std::move(problem), "write it by the rules of Kubernetes' label selectors"));
    out.by = Selection::By::kNothing;
  }
  return out;
}

bool Selects(const Selection& selection, const VirtualServiceRef& ref, const Labels& labels, bool ssl) {
  if (selection.ssl != ssl) return false;
  if (selection.by == Selection::By::kRefs) return selection.refs.contains(ref);
  if (!selection.namespaces.empty() && !selection.namespaces.contains(ref.ns)) return false;
  switch (selection.by) {
    case Selection::By::kNothing:
    case Selection::By::kRefs: return false;
    case Selection::By::kAll: return true;
    case Selection::By::kLabels: return HasLabels(labels, selection.labels);
    case Selection::By::kExpressions: return MatchesAll(selection.requirements, labels);
  }
  return false;
}

}  // namespace k8sgw::gateway
