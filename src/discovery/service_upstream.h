// A port of a Service → the Upstream that stands for it.
//
// Annotations of the Service say how its pods are spoken to, in this order, the later ones over the earlier:
// - gloo.solo.io/h2_service: "true" or "false", else that of the Settings' globalAnnotations, else what the port's
//   appProtocol (http2, grpc, grpc-web, kubernetes.io/h2c) and name (beginning with grpc, h2, http2) say;
// - gloo.solo.io/sslService.{secret,tlsCert,tlsKey,rootCa,oneWayTls}: TLS, with a Secret in the Service's namespace or
//   with files of the proxy; `PORT:value` is for that port alone;
// - gloo.solo.io/upstream_config: fields of an Upstream as JSON, each in the place of what was there, or merged into it
//   with gloo.solo.io/upstream_config.deep_merge: "true"; first the one of globalAnnotations, then the Service's.
// No annotation changes which Service and port it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/model/kubernetes.h"
#include "src/model/objects.h"

namespace k8sgw::discovery {

inline constexpr std::string_view kUpstreamConfig = "gloo.solo.io/upstream_config";

// Fills in the Upstream. Returns what is wrong with the annotations, in words; that part of them is left out.
std::vector<std::string> DescribePort(const ServiceRef& ref, const Object<core::Service>& service,
                                      const core::ServicePort& port, const Labels& global_annotations,
                                      gloov1::Upstream* out);

// The published name of a discovered Upstream: `<namespace>-<service>-<port>`, which is cut at 63 characters with a
// part of its MD5 sum behind it. Different ports may have the same name: `a-b` in `c`, and `b` in `c-a`.
std::string UpstreamName(const ServiceRef& ref, uint32_t port);

}  // namespace k8sgw::discovery
