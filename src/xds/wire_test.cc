#include "src/xds/wire.h"

#include <google/protobuf/struct.pb.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "envoy/type/v3/semantic_version.proto.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using ::envoy::service::discovery::v3::DeltaDiscoveryResponse;

DeltaDiscoveryResponse Parse(grpc::ByteBuffer bytes) {
  DeltaDiscoveryResponse message;
  EXPECT_TRUE((grpc::GenericDeserialize<grpc::ProtoBufferReader, DeltaDiscoveryResponse>(&bytes, &message).ok()));
  return message;
}

// A client that asks for the resource "" hears that there is none, as for every other name.
TEST(Wire, AnEmptyNameIsRemoved) {
  Response response;
  response.removed = {"", "a"};
  const auto message = Parse(WriteDeltaResponse(response));
  ASSERT_EQ(message.removed_resources_size(), 2);
  EXPECT_EQ(message.removed_resources(0), "");
  EXPECT_EQ(message.removed_resources(1), "a");
}

TEST(Wire, AResourceWithoutNameOrBytesCanBeParsed) {
  Response response;
  response.type_url = TypeUrl(Type::kCluster);
  response.resources = {Make(Type::kCluster, "", ""), Make(Type::kCluster, "a", "bytes")};
  const auto message = Parse(WriteDeltaResponse(response));
  ASSERT_EQ(message.resources_size(), 2);
  EXPECT_EQ(message.resources(0).name(), "");
  EXPECT_EQ(message.resources(1).resource().value(), "bytes");
}

TEST(Wire, ANodeSaysWhatItCanLoad) {
  using ::envoy::service::discovery::v3::DeltaDiscoveryRequest;
  DeltaDiscoveryRequest message;
  (*message.mutable_node()->mutable_metadata()->mutable_fields())[kModuleField].set_string_value("1");
  const auto parse = [&] {
    grpc::ByteBuffer bytes;
    bool own = false;
    EXPECT_TRUE((grpc::GenericSerialize<grpc::ProtoBufferWriter, DeltaDiscoveryRequest>(message, &bytes, &own)).ok());
    Request request;
    EXPECT_TRUE(ParseDeltaRequest(bytes, &request));
    return request;
  };
  EXPECT_EQ(parse().module, "1");
  EXPECT_FALSE(parse().envoy);
  auto& version = *message.mutable_node()->mutable_user_agent_build_version()->mutable_version();
  version.set_major_number(1);
  version.set_minor_number(40);
  version.set_patch(2);
  const Request request = parse();
  ASSERT_TRUE(request.envoy);
  EXPECT_EQ(request.envoy->major, 1u);
  EXPECT_EQ(request.envoy->minor, 40u);
  EXPECT_EQ(request.envoy->patch, 2u);
}

}  // namespace
}  // namespace k8sgw::xds
