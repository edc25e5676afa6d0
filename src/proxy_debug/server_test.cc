// The real gRPC server with real clients over loopback.
#include "src/proxy_debug/server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "api/core/v1/metadata.proto.h"
#include "api/gloo/grpc/debug.grpc.pb.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/base/test_thread.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"
#include "src/rpc/test_bomb.h"
#include "src/xds/test_authenticator.h"

namespace k8sgw::proxy_debug {
namespace {

using gloov1::ProxyEndpointRequest;
using gloov1::ProxyEndpointResponse;
using gloov1::ProxyEndpointService;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Gateway(const std::string& name, int port, const std::string& proxies) {
  return Cat("---\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: ", name,
             ", namespace: gloo-system}\nspec: {bindAddress: '::', bindPort: ", port, ", proxyNames: [", proxies,
             "], httpGateway: {}}\n");
}
constexpr char kService[] = R"(---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: site, namespace: default}
spec: {virtualHost: {domains: ["*"], routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}}
)";

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    owner.Do([this] {
      Apply(Gateway("http", 8080, "inner, outer") + kService);
      server.emplace(pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); });
      EXPECT_TRUE(server->Listen("127.0.0.1:0").ok());
      server->SetReady();
    });
    Connect();
  }
  ~ServerTest() override {
    owner.Do([this] { server.reset(); });
  }

  void Apply(const std::string& text) {
    for (const yaml::Node& document : yaml::Parse(text).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    pipeline.Commit();
  }
  void Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    stub = ProxyEndpointService::NewStub(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                                                   grpc::InsecureChannelCredentials(), arguments));
  }
  grpc::Status Ask(const ProxyEndpointRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return stub->GetProxies(&context, request, &response);
  }
  // The names in the answer, or the code of the error.
  std::vector<std::string> Names(const ProxyEndpointRequest& request) {
    const grpc::Status status = Ask(request);
    if (!status.ok()) return {Cat("error ", static_cast<int>(status.error_code()))};
    std::vector<std::string> names;
    for (const auto& proxy : response.proxies()) names.push_back(proxy.metadata().name());
    return names;
  }

  Pipeline pipeline{Pipeline::Options()};
  std::optional<Server> server;
  testing::TestThread owner;
  std::unique_ptr<ProxyEndpointService::Stub> stub;
  ProxyEndpointResponse response;
};

TEST_F(ServerTest, ShowsTheProxiesOfTheMoment) {
  EXPECT_THAT(Names({}), ElementsAre("inner", "outer"));
  ASSERT_EQ(response.proxies(0).listeners_size(), 1);
  EXPECT_EQ(response.proxies(0).listeners(0).bind_port(), 8080u);
  EXPECT_EQ(response.proxies(0).listeners(0).http_listener().virtual_hosts_size(), 1);
  owner.Do([this] { Apply(Gateway("more", 8081, "third")); });
  EXPECT_THAT(Names({}), ElementsAre("inner", "outer", "third"));
}

TEST_F(ServerTest, WhoLacksTheRightGetsNothing) {
  xds::TestAuthenticator authenticator;
  std::atomic<int> refused = 0;
  owner.Do([&] {
    server.emplace(
        pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); },
        xds::Gate::Options{&authenticator, [&](const xds::Refusal&) { ++refused; }, false});
    EXPECT_TRUE(server->Listen("127.0.0.1:0").ok());
    server->SetReady();
  });
  Connect();
  const auto ask = [&](const char* authorization) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    if (authorization) context.AddMetadata("authorization", authorization);
    response.Clear();
    return stub->GetProxies(&context, {}, &response).error_code();
  };
  testing::ExpectStrangersAreNotRead(server->port(), {"/gloo.solo.io.ProxyEndpointService/GetProxies"});
  EXPECT_EQ(refused, 1);
  refused = 0;
  authenticator.Revoke("gone");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(ask(nullptr), StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(response.proxies_size(), 0);
    EXPECT_EQ(ask("gone"), StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ask("known"), StatusCode::OK);
    EXPECT_EQ(response.proxies_size(), 2);
  }
  EXPECT_EQ(refused, 6);
  authenticator.away = true;
  EXPECT_EQ(ask("known"), StatusCode::UNAVAILABLE);
  owner.Do([this] { server.reset(); });
}

TEST_F(ServerTest, ByName) {
  ProxyEndpointRequest request;
  request.set_name("outer");
  EXPECT_EQ(Ask(request).error_code(), StatusCode::INVALID_ARGUMENT);
  request.set_namespace_("gloo-system");
  EXPECT_THAT(Names(request), ElementsAre("outer"));
  request.set_name("nobody\n");
  const grpc::Status status = Ask(request);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there is no Proxy gloo-system/nobody\\n");
}

TEST_F(ServerTest, ByNamespaceAndLabels) {
  ProxyEndpointRequest request;
  request.set_namespace_("elsewhere");
  EXPECT_THAT(Names(request), IsEmpty());
  request.set_namespace_("gloo-system");
  (*request.mutable_selector())["created_by"] = "gloo-gateway";
  EXPECT_THAT(Names(request), ElementsAre("inner", "outer"));
  (*request.mutable_selector())["created_by"] = "gloo-ingress";
  EXPECT_THAT(Names(request), IsEmpty());
  request.set_expression_selector("created_by in (gloo-gateway, gloo-knative)");
  EXPECT_THAT(Names(request), ElementsAre("inner", "outer")) << "the expression wins";
  request.set_expression_selector("created_by notin (gloo-gateway)");
  EXPECT_THAT(Names(request), IsEmpty());
  request.set_expression_selector("created_by is gloo");
  const grpc::Status status = Ask(request);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("expression_selector"));
}

TEST_F(ServerTest, ALargeWorldIsShownWhole) {
  owner.Do([this] {
    std::string many;
    for (int i = 0; i < 300; ++i) {
      std::string one = kService;
      one.replace(one.find("site"), 4, Cat("site-", i));
      one.replace(one.find("\"*\""), 3, Cat("site-", i, ".", std::string(100, 'x'), ".com"));
      many += one;
    }
    Apply(many);
  });
  EXPECT_THAT(Names({}), ElementsAre("inner", "outer"));
  EXPECT_EQ(response.proxies(1).listeners(0).http_listener().virtual_hosts_size(), 301);
}

TEST_F(ServerTest, SaysSoUntilItIsReady) {
  owner.Do([this] {
    server.emplace(pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); });
    EXPECT_TRUE(server->Listen("127.0.0.1:0").ok());
  });
  Connect();
  EXPECT_EQ(Ask({}).error_code(), StatusCode::UNAVAILABLE);
  owner.Do([this] { server->SetReady(); });
  EXPECT_TRUE(Ask({}).ok());
}

TEST_F(ServerTest, MovesAndStopsWhileSomebodyWaits) {
  const int port = server->port();
  owner.Do([&] { EXPECT_FALSE(server->Listen("127.0.0.1:" + std::to_string(port)).ok()); });
  EXPECT_TRUE(Ask({}).ok()) << "what was there goes on";
  std::mutex busy;
  busy.lock();
  owner.Post([&] { busy.lock(); });
  std::vector<std::thread> asking;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 100; ++i) {
    asking.emplace_back([&] {
      grpc::ClientContext context;
      ProxyEndpointResponse mine;
      refused += !stub->GetProxies(&context, {}, &mine).ok();
    });
  }
  // What is more than may wait is refused while the others wait.
  for (int i = 0; i < 1000 && refused < 36; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(refused, 36);
  owner.Post([&] { server->Stop(); });
  busy.unlock();
  for (std::thread& one : asking) one.join();
  EXPECT_EQ(server->port(), 0);
}

TEST_F(ServerTest, NothingIsUnpacked) {
  testing::ExpectNothingIsUnpacked(server->port(), {"/gloo.solo.io.ProxyEndpointService/GetProxies"});
  EXPECT_TRUE(Ask({}).ok());
}

TEST_F(ServerTest, HugeRequestsAreRefused) {
  ProxyEndpointRequest request;
  request.set_name(std::string(2 << 20, 'x'));
  EXPECT_EQ(Ask(request).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  request.set_name("");
  request.set_expression_selector(std::string(500'000, ','));
  EXPECT_EQ(Ask(request).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(Ask({}).ok());
}

}  // namespace
}  // namespace k8sgw::proxy_debug
