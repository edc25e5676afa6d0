// Whether upstreams and clients see how often a request was tried.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::attempt_count {
namespace {

void VirtualHost(const envoy::VirtualHostArgs& args) {
  args.out.set_include_request_attempt_count(args.options.include_request_attempt_count().value());
  args.out.set_include_attempt_count_in_response(args.options.include_attempt_count_in_response().value());
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.VirtualHostOptions.include_request_attempt_count",
    "gloo.solo.io.VirtualHostOptions.include_attempt_count_in_response",
};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "attempt_count", .claims = kClaims, .virtual_host = VirtualHost};

}  // namespace k8sgw::plugins::attempt_count
