// Upstreams behind a Unix domain socket on the machine of the Envoy.

#include <sys/un.h>

#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "plugins/pipe/pipe.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::pipe {
namespace {

// The system wants a null byte at the end.
constexpr size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.has_pipe()) return;
  const std::string& path = args.upstream.pipe().path();
  if (path.empty()) {
    args.report.Error("pipe.path", "there is no path", "give the path of a Unix domain socket");
  } else if (path.size() > kLongestPath) {
    args.report.Error("pipe.path", "is longer than " + std::to_string(kLongestPath) + " bytes", "use a shorter path");
  }
  args.out.set_type(envoy::clusterv3::Cluster::STATIC);
  auto& assignment = *args.out.mutable_load_assignment();
  assignment.set_cluster_name(args.out.name());
  auto& endpoint = *assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint();
  endpoint.mutable_address()->mutable_pipe()->set_path(path);
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.pipe"};
constexpr std::string_view kNotYet[] = {"pipe.options.gloo.solo.io.UpstreamSpec.service_spec"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "pipe",
    .claims = kClaims,
    .not_yet = kNotYet,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::pipe
