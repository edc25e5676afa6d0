#include "plugins/headers/secret_reach.h"

#include <google/protobuf/repeated_ptr_field.h>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/proxy.proto.h"

namespace k8sgw::plugins::headers {
namespace {

using gloov1::Destination;
using gloov1::RouteAction;

std::string Check(const std::string& ns, const Destination& destination) {
  if (destination.has_consul()) return "Consul service " + destination.consul().service_name();
  const bool kube = destination.has_kube();
  const auto& ref = kube ? destination.kube().ref() : destination.upstream();
  if (ref.namespace_() == ns) return "";
  return (kube ? "Service " : "Upstream ") + ref.namespace_() + "/" + ref.name();
}

template <class Destinations>
std::string CheckAll(const std::string& ns, const Destinations& destinations) {
  for (const auto& weighted : destinations) {
    if (std::string found = Check(ns, weighted.destination()); !found.empty()) return found;
  }
  return "";
}

std::string Check(const std::string& ns, const envoy::Context& context, const RouteAction& action) {
  switch (action.destination_case()) {
    case RouteAction::kSingle: return Check(ns, action.single());
    case RouteAction::kMulti: return CheckAll(ns, action.multi().destinations());
    case RouteAction::kUpstreamGroup: {
      const UpstreamGroupRef ref{action.upstream_group().namespace_(), action.upstream_group().name()};
      const auto group = context.FindUpstreamGroup(ref);
      return group ? CheckAll(ns, group->spec.destinations()) : "";
    }
    case RouteAction::kClusterHeader: return "whatever the header " + action.cluster_header() + " names";
    case RouteAction::kDynamicForwardProxy: return "whatever host the request names";
    case RouteAction::DESTINATION_NOT_SET: break;
  }
  return "";
}

}  // namespace

std::string OutsideOf(const std::string& ns, const envoy::VirtualHostArgs& args) {
  for (const gloov1::Route& route : args.virtual_host.routes()) {
    if (!route.has_route_action()) continue;
    if (std::string found = Check(ns, args.context, route.route_action()); !found.empty()) return found;
  }
  return "";
}

std::string OutsideOf(const std::string& ns, const envoy::RouteArgs& args) {
  return args.route.has_route_action() ? Check(ns, args.context, args.route.route_action()) : "";
}

std::string OutsideOf(const std::string& ns, const envoy::WeightedDestinationArgs& args) {
  return Check(ns, args.destination);
}

}  // namespace k8sgw::plugins::headers
