#include "tests/simulation/references.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/config/route/v3/scoped_route.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/envoy/resource.h"

namespace k8sgw::sim {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;

// Calls `visit` for each message within `message`, those packed in Any included.
template <class Visit>
void Walk(const Message& message, const Visit& visit) {
  visit(message);
  if (const auto* any = dynamic_cast<const google::protobuf::Any*>(&message)) {
    const std::string name = any->type_url().substr(any->type_url().find('/') + 1);
    const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
    // Of the module; the Envoy API that we compile does not have it.
    if (!descriptor && name.ends_with(".DynamicModuleEarlyHeaderMutation")) return;
    if (!descriptor) {
      // Half blind, the simulation would find nothing.
      std::fprintf(stderr, "the simulation is not linked with %s\n", name.c_str());
      std::abort();
    }
    std::unique_ptr<Message> inner(MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    if (inner->ParseFromString(any->value())) Walk(*inner, visit);
    return;
  }
  const auto* reflection = message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      Walk(reflection->GetMessage(message, field), visit);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      Walk(reflection->GetRepeatedMessage(message, field, i), visit);
    }
  }
}

References Read(const Message& message) {
  namespace routev3 = ::envoy::config::route::v3;
  namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
  namespace tlsv3 = ::envoy::extensions::transport_sockets::tls::v3;
  References out;
  Walk(message, [&](const Message& part) {
    if (const auto* action = dynamic_cast<const routev3::RouteAction*>(&part)) {
      if (action->has_cluster()) out.clusters.insert(action->cluster());
    } else if (const auto* weight = dynamic_cast<const routev3::WeightedCluster::ClusterWeight*>(&part)) {
      out.clusters.insert(weight->name());
    } else if (const auto* mirror = dynamic_cast<const routev3::RouteAction::RequestMirrorPolicy*>(&part)) {
      out.clusters.insert(mirror->cluster());
    } else if (const auto* rds = dynamic_cast<const hcmv3::Rds*>(&part)) {
      out.routes.insert(rds->route_config_name());
    } else if (const auto* scope = dynamic_cast<const routev3::ScopedRouteConfiguration*>(&part)) {
      out.routes.insert(scope->route_configuration_name());
    } else if (dynamic_cast<const hcmv3::ScopedRoutes*>(&part)) {
      out.scoped = true;
    } else if (const auto* cluster = dynamic_cast<const ::envoy::config::cluster::v3::Cluster*>(&part)) {
      if (cluster->has_eds_cluster_config()) out.endpoints.insert(cluster->name());
    } else if (const auto* secret = dynamic_cast<const tlsv3::SdsSecretConfig*>(&part)) {
      if (secret->has_sds_config()) out.secrets.insert(secret->name());
    }
  });
  return out;
}

}  // namespace

const References& ReferencesOf(const xds::Resource& resource) {
  // A version is the hash of the bytes.
  static std::map<std::pair<xds::Type, std::string>, References> known;
  const auto [entry, is_new] = known.try_emplace({resource.type, resource.version});
  if (is_new) entry->second = Read(*envoy::ParseAny(resource));
  return entry->second;
}

std::set<std::string> ClustersOfVirtualHost(const std::string& bytes) {
  static std::map<std::string, std::set<std::string>> known;
  const auto [entry, is_new] = known.try_emplace(bytes);
  if (is_new) {
    ::envoy::config::route::v3::RouteConfiguration only_this;
    only_this.ParseFromString(bytes);
    entry->second = Read(only_this).clusters;
  }
  return entry->second;
}

}  // namespace k8sgw::sim
