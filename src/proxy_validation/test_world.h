// For tests: a pipeline with a Gateway, and requests as clients make them.
#pragma once

#include <string>

#include "api/core/v1/metadata.proto.h"
#include "api/core/v1/ref.proto.h"
#include "api/gloo/grpc/validation.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "plugins/static_upstream/static_upstream.proto.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"
#include "src/pipeline/pipeline.h"
#include "src/proxy_validation/validate.h"

namespace k8sgw::proxy_validation {

inline constexpr char kGateway[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
)";
inline constexpr char kReply[] = "directResponseAction: {status: 200}";

// A VirtualService `default/<name>` with one route, given without its matcher.
inline std::string Service(const std::string& name, const std::string& domains, const std::string& route,
                           const std::string& more = "") {
  return Cat("---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: ", name,
             ", namespace: default}\nspec: {", more, "virtualHost: {domains: [", domains,
             "], routes: [{matchers: [{prefix: /}], ", route, "}]}}\n");
}
inline std::string To(const std::string& upstream) {
  return Cat("routeAction: {single: {upstream: {name: ", upstream, ", namespace: default}}}");
}
inline std::string Upstream(const std::string& name) {
  return Cat("---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: ", name,
             ", namespace: default}\nspec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}\n");
}

inline void Apply(const std::string& text, Pipeline& pipeline) {
  for (const yaml::Node& document : yaml::Parse(text).documents) {
    for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
  }
  pipeline.Commit();
}

inline gloov1::GlooValidationServiceRequest Deleting(const std::string& upstream) {
  gloov1::GlooValidationServiceRequest request;
  auto& ref = *request.mutable_deleted_resources()->add_upstream_refs();
  ref.set_namespace_("default");
  ref.set_name(upstream);
  return request;
}

// Upstream default/<name> with one static host.
inline gloov1::GlooValidationServiceRequest Modifying(const std::string& name, const std::string& host) {
  gloov1::GlooValidationServiceRequest request;
  auto& upstream = *request.mutable_modified_resources()->add_upstreams();
  upstream.mutable_metadata()->set_namespace_("default");
  upstream.mutable_metadata()->set_name(name);
  auto& added = *upstream.mutable_static_()->add_hosts();
  added.set_addr(host);
  added.set_port(80);
  return request;
}

}  // namespace k8sgw::proxy_validation
