#include "src/xds_rest/messages.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/rpc/status.proto.h>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::xds_rest {
namespace {

namespace dsv3 = ::envoy::service::discovery::v3;

// What an Envoy says of itself grows with its versions.
bool MayBeUnknown(const DecodeProblem& problem) {
  return problem.path.starts_with("node.") && problem.message.starts_with("unknown field");
}

}  // namespace

absl::StatusOr<xds::Request> ReadRequest(std::string_view padded) {
  const absl::StatusOr<yaml::Node> tree = yaml::FromJson(padded);
  if (!tree.ok()) return absl::InvalidArgumentError(Cat("the body is no JSON: ", std::string(tree.status().message())));
  if (!tree->is_mapping()) return absl::InvalidArgumentError("the body is no DiscoveryRequest, but some other value");
  dsv3::DiscoveryRequest message;
  for (const DecodeProblem& problem : DecodeProto(*tree, &message)) {
    if (MayBeUnknown(problem)) continue;
    return absl::InvalidArgumentError(Cat("the body is no DiscoveryRequest: ", problem.path,
                                          problem.path.empty() ? "" : ": ", problem.message,
                                          problem.fix.empty() ? "" : ": ", problem.fix));
  }
  xds::Request request;
  const auto& fields = message.node().metadata().fields();
  const auto role = fields.find("role");
  request.role = role == fields.end() ? "" : role->second.string_value();
  request.node_id = message.node().id();
  request.type_url = message.type_url();
  request.version = message.version_info();
  request.names.assign(message.resource_names().begin(), message.resource_names().end());
  return request;
}

std::string WriteResponse(const xds::Response& response) {
  dsv3::DiscoveryResponse message;
  message.set_version_info(response.version);
  message.set_type_url(response.type_url);
  for (const Ptr<xds::Resource>& resource : response.resources) {
    google::protobuf::Any& any = *message.add_resources();
    any.set_type_url(response.type_url);
    std::string& value = *any.mutable_value();
    value.reserve(resource->size);
    for (const Ptr<std::string>& piece : resource->body) value.append(*piece);
  }
  return yaml::EmitJson(EncodeProto(message), 0);
}

}  // namespace k8sgw::xds_rest
