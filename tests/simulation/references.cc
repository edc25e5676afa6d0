#include "tests/simulation/references.h"

#include <memory>

#include <google/protobuf/any.pb.h>
#include <google/protobuf/dynamic_message.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
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
    if (!descriptor) return;
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

template <class M>
M Parse(const xds::Resource& resource) {
  M message;
  message.ParseFromString(envoy::JoinBytes(resource));
  return message;
}

}  // namespace

std::set<std::string> ClustersOf(const xds::Resource& route_configuration) {
  namespace routev3 = ::envoy::config::route::v3;
  std::set<std::string> names;
  Walk(Parse<routev3::RouteConfiguration>(route_configuration), [&](const Message& message) {
    if (const auto* action = dynamic_cast<const routev3::RouteAction*>(&message)) {
      if (action->has_cluster()) names.insert(action->cluster());
    } else if (const auto* weight = dynamic_cast<const routev3::WeightedCluster::ClusterWeight*>(&message)) {
      names.insert(weight->name());
    } else if (const auto* mirror = dynamic_cast<const routev3::RouteAction::RequestMirrorPolicy*>(&message)) {
      names.insert(mirror->cluster());
    }
  });
  return names;
}

std::set<std::string> RoutesOf(const xds::Resource& listener) {
  namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
  std::set<std::string> names;
  Walk(Parse<::envoy::config::listener::v3::Listener>(listener), [&](const Message& message) {
    const auto* rds = dynamic_cast<const hcmv3::Rds*>(&message);
    if (rds) names.insert(rds->route_config_name());
  });
  return names;
}

std::set<std::string> SecretsOf(const xds::Resource& resource) {
  std::set<std::string> names;
  const auto visit = [&](const Message& message) {
    const auto* secret = dynamic_cast<const ::envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig*>(&message);
    if (secret && secret->has_sds_config()) names.insert(secret->name());
  };
  if (resource.type == xds::Type::kCluster) {
    Walk(Parse<::envoy::config::cluster::v3::Cluster>(resource), visit);
  } else {
    Walk(Parse<::envoy::config::listener::v3::Listener>(resource), visit);
  }
  return names;
}

}  // namespace k8sgw::sim
