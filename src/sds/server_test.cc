#include "src/sds/server.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "src/sds/served_secret.h"
#include "src/sds/test_files.h"

namespace k8sgw::sds {
namespace {

using ::envoy::service::discovery::v3::DeltaDiscoveryRequest;
using ::envoy::service::discovery::v3::DeltaDiscoveryResponse;
using ::envoy::service::discovery::v3::DiscoveryRequest;
using ::envoy::service::discovery::v3::DiscoveryResponse;
using testing::UnorderedElementsAre;

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    auto server = Server::Start("127.0.0.1:0", [](const std::string&) {});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials());
    stub_ = ::envoy::service::secret::v3::SecretDiscoveryService::NewStub(channel_);
    Renew();
  }
  void Renew() {
    const TestPair pair(kNow, 100);
    server_->Put(secret_
                     .Take({Content("tls.crt", pair.certificate), Content("tls.key", pair.key),
                            Content("ca.crt", pair.certificate)},
                           kNow)
                     .resources);
  }
  // In less time than an unknown role of the control plane waits.
  static void SetDeadline(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(4));
  }
  DiscoveryResponse Fetch(const std::string& role, const std::string& name = "") {
    DiscoveryRequest request;
    if (!role.empty()) (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role);
    if (!name.empty()) request.add_resource_names(name);
    grpc::ClientContext context;
    SetDeadline(context);
    DiscoveryResponse response;
    const grpc::Status status = stub_->FetchSecrets(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  static std::vector<std::string> Names(const DiscoveryResponse& response) {
    std::vector<std::string> names;
    for (const auto& any : response.resources()) {
      ::envoy::extensions::transport_sockets::tls::v3::Secret secret;
      EXPECT_TRUE(any.UnpackTo(&secret));
      names.push_back(secret.name());
    }
    return names;
  }
  // 1 is SERVING, 2 is NOT_SERVING.
  int Health() {
    const grpc::Slice none("");
    const grpc::ByteBuffer request(&none, 1);
    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel_);
    grpc::ClientContext context;
    SetDeadline(context);
    grpc::ByteBuffer answer;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &answer,
                   [&](grpc::Status its) { done.set_value(std::move(its)); });
    const grpc::Status status = done.get_future().get();
    grpc::Slice bytes;
    if (!status.ok() || !answer.TrySingleSlice(&bytes).ok() || bytes.size() != 2) return 0;
    return bytes.begin()[1];
  }

  ServedSecret secret_{{.folder = "/ssl", .certificate_name = "cert", .authority_name = "ca"}};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<::envoy::service::secret::v3::SecretDiscoveryService::Stub> stub_;
};

TEST_F(ServerTest, AnybodyFetchesThem) {
  for (const char* role : {"", "gloo-system~gateway-proxy"}) {
    EXPECT_THAT(Names(Fetch(role)), UnorderedElementsAre("cert", "ca"));
    EXPECT_THAT(Names(Fetch(role, "ca")), UnorderedElementsAre("ca"));
    EXPECT_THAT(Names(Fetch(role, "other")), UnorderedElementsAre());
  }
}

TEST_F(ServerTest, AStreamOfAnyRoleIsAnsweredAtOnceAndHearsOfChanges) {
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub_->DeltaSecrets(&context);
  DeltaDiscoveryRequest request;
  (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value("a~b");
  request.add_resource_names_subscribe("cert");
  ASSERT_TRUE(stream->Write(request));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.resources_size(), 1);
  const std::string version = response.resources(0).version();
  request.Clear();
  request.set_response_nonce(response.nonce());
  ASSERT_TRUE(stream->Write(request));
  Renew();
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.resources_size(), 1);
  EXPECT_EQ(response.resources(0).name(), "cert");
  EXPECT_NE(response.resources(0).version(), version);
}

TEST_F(ServerTest, HealthFollows) {
  EXPECT_EQ(Health(), 2);
  server_->SetServing();
  EXPECT_EQ(Health(), 1);
}

TEST_F(ServerTest, ATakenAddressIsNamed) {
  const std::string address = "127.0.0.1:" + std::to_string(server_->port());
  const auto second = Server::Start(address, [](const std::string&) {});
  EXPECT_THAT(std::string(second.status().message()), testing::HasSubstr(address));
}

}  // namespace
}  // namespace k8sgw::sds
