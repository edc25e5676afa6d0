// The ports of a Service → the Upstreams that stand for them.
//
// Annotations of the Service say how its pods are spoken to, in this order, the later ones over the earlier:
// - gloo.solo.io/h2_service: "true" or "false", else that of the Settings' globalAnnotations, else what the port's
//   appProtocol (http2, grpc, grpc-web, kubernetes.io/h2c) and name (beginning with grpc, h2, http2) say;
// - gloo.solo.io/sslService.{secret,tlsCert,tlsKey,rootCa,oneWayTls}: TLS, with a Secret in the Service's namespace or
//   with files of the proxy; `PORT:value` is for that port alone;
// - gloo.solo.io/upstream_config (upstream_config.h): first the one of globalAnnotations, then the Service's.
// No annotation changes which Service and port it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/model/kubernetes.h"
#include "src/model/objects.h"

namespace k8sgw::discovery {

// Each Upstream gets the annotations and labels of its Service, and its upstream_config. A Service with thousands of
// ports must not fill the API server with copies of them: of each of the three, all copies together have at most this
// many bytes. What is more is left out. With up to 16 ports nothing is, as a server takes 256 KiB of annotations.
inline constexpr size_t kMaxExtras = 4 << 20;

struct DescribedService {
  // By the port.
  std::map<uint32_t, Ptr<gloov1::Upstream>> ports;
  // That each of the Upstreams gets; not that of kubectl.
  Labels annotations;
  // What is wrong with the annotations, in words; that part of them is left out.
  std::vector<std::string> mistakes;
};
DescribedService DescribeService(const ServiceRef& ref, const Object<core::Service>& service,
                                 const Labels& global_annotations);

// How the pods behind one port are spoken to, without the labels of the Service. Returns what is wrong with the
// annotations.
std::vector<std::string> DescribePort(const ServiceRef& ref, const Object<core::Service>& service,
                                      const core::ServicePort& port, const Labels& global_annotations,
                                      gloov1::Upstream* out);

// The published name of a discovered Upstream: `<namespace>-<service>-<port>`, which is cut at 63 characters with a
// part of its MD5 sum behind it. Different ports may have the same name: `a-b` in `c`, and `b` in `c-a`.
std::string UpstreamName(const ServiceRef& ref, uint32_t port);

}  // namespace k8sgw::discovery
