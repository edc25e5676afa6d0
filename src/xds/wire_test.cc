#include "src/xds/wire.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>

#include "envoy/service/discovery/v3/discovery.proto.h"
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

}  // namespace
}  // namespace k8sgw::xds
