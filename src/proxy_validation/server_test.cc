// The real gRPC server with real clients over loopback, good ones and others.
#include "src/proxy_validation/server.h"

#include <gmock/gmock.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <optional>
#include <thread>

#include "api/gloo/grpc/validation.grpc.pb.h"
#include "src/base/test_thread.h"
#include "src/proxy_validation/test_world.h"
#include "src/rpc/test_bomb.h"
#include "src/xds/test_authenticator.h"

namespace k8sgw::proxy_validation {
namespace {

using namespace std::chrono_literals;
using gloov1::GlooValidationService;
using gloov1::GlooValidationServiceRequest;
using gloov1::GlooValidationServiceResponse;
using ::testing::HasSubstr;

constexpr auto kPatience = 20s;

std::chrono::system_clock::time_point Soon() { return std::chrono::system_clock::now() + kPatience; }

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    // As the xDS server does, for all servers of the process.
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    owner.Do([this] {
      Apply(kGateway + Upstream("u") + Service("a", "a.com", To("u")), pipeline);
      server.emplace(pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); });
      EXPECT_TRUE(server->Listen("127.0.0.1:0", 100'000).ok());
      server->AfterCommit();
    });
    Connect();
  }
  ~ServerTest() override {
    owner.Do([this] { server.reset(); });
  }

  void Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                        grpc::InsecureChannelCredentials(), arguments);
    stub = GlooValidationService::NewStub(channel);
  }
  void SetReady() {
    owner.Do([this] { server->SetReady(); });
  }
  grpc::Status Ask(const GlooValidationServiceRequest& request = {}) {
    grpc::ClientContext context;
    context.set_deadline(Soon());
    return stub->Validate(&context, request, &response);
  }
  void Commit(const std::string& text) {
    owner.Do([&] {
      Apply(text, pipeline);
      server->AfterCommit();
    });
  }

  Pipeline pipeline{Pipeline::Options()};
  std::optional<Server> server;
  testing::TestThread owner;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<GlooValidationService::Stub> stub;
  GlooValidationServiceResponse response;
};

// A stream of notifications; counts them on a thread of its own.
class Listener {
 public:
  explicit Listener(GlooValidationService::Stub& stub, const std::string& authorization = "") {
    context_.set_deadline(Soon());
    if (!authorization.empty()) context_.AddMetadata("authorization", authorization);
    stream_ = stub.NotifyOnResync(&context_, {});
    thread_ = std::thread([this] {
      gloov1::NotifyOnResyncResponse message;
      while (stream_->Read(&message)) ++count_;
      status = stream_->Finish();
      ended_ = true;
    });
  }
  ~Listener() {
    context_.TryCancel();
    thread_.join();
  }
  bool Gets(int wanted) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (count_ < wanted && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    return count_ == wanted;
  }
  bool Ends() {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!ended_ && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    return ended_;
  }
  int count() const { return count_; }
  grpc::Status status;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<gloov1::NotifyOnResyncResponse>> stream_;
  std::atomic<int> count_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

TEST_F(ServerTest, WhoLacksTheRightNeitherAsksNorListens) {
  xds::TestAuthenticator authenticator;
  owner.Do([&] {
    server.emplace(
        pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); },
        xds::Gate::Options{&authenticator, {}, false});
    EXPECT_TRUE(server->Listen("127.0.0.1:0", 100'000).ok());
    server->SetReady();
  });
  Connect();
  const std::string service = "/gloo.solo.io.GlooValidationService/";
  testing::ExpectStrangersAreNotRead(server->port(), {service + "Validate", service + "NotifyOnResync"});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Ask().error_code(), grpc::StatusCode::UNAUTHENTICATED);
    Listener stranger(*stub);
    EXPECT_TRUE(stranger.Ends());
    EXPECT_EQ(stranger.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_TRUE(stranger.Gets(0));
    grpc::ClientContext context;
    context.set_deadline(Soon());
    context.AddMetadata("authorization", "known");
    EXPECT_TRUE(stub->Validate(&context, {}, &response).ok());
    Listener known(*stub, "known");
    EXPECT_TRUE(known.Gets(1));
  }
  owner.Do([this] { server.reset(); });
}

TEST_F(ServerTest, SaysSoUntilItIsReady) {
  grpc::Status status = Ask();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("not all objects are known yet"));
  SetReady();
  EXPECT_TRUE(Ask().ok());
  EXPECT_EQ(response.validation_reports_size(), 1);
}

TEST_F(ServerTest, AnswersWhatADeletionWouldDo) {
  SetReady();
  ASSERT_TRUE(Ask(Deleting("u")).ok());
  const auto& http = response.validation_reports(0).proxy_report().listener_reports(0).http_listener_report();
  EXPECT_EQ(http.virtual_host_reports(0).route_reports(0).warnings_size(), 1);
}

TEST_F(ServerTest, RefusesWhatItCannotUse) {
  SetReady();
  EXPECT_EQ(Ask(Deleting("")).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Ask(Modifying("u", std::string(200'000, 'x'))).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Ask().ok());
}

TEST_F(ServerTest, NothingIsUnpacked) {
  SetReady();
  const std::string service = "/gloo.solo.io.GlooValidationService/";
  testing::ExpectNothingIsUnpacked(server->port(), {service + "Validate", service + "NotifyOnResync"});
  EXPECT_TRUE(Ask().ok());
}

TEST_F(ServerTest, WhatIsNoMessageIsRefused) {
  SetReady();
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> generic(channel);
  grpc::ClientContext context;
  context.set_deadline(Soon());
  const grpc::Slice slice("\xff\xff\xff noise");
  const grpc::ByteBuffer noise(&slice, 1);
  grpc::ByteBuffer answer;
  grpc::Status status;
  std::atomic<bool> done{false};
  generic.UnaryCall(&context, "/gloo.solo.io.GlooValidationService/Validate", {}, &noise, &answer,
                    [&](grpc::Status result) {
                      status = std::move(result);
                      done = true;
                    });
  while (!done) std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(Ask().ok());
}

TEST_F(ServerTest, OffersNothingElse) {
  SetReady();
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> generic(channel);
  for (const char* method : {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                             "/grpc.health.v1.Health/Check", "/gloo.solo.io.ProxyEndpointService/GetProxies"}) {
    grpc::ClientContext context;
    context.set_deadline(Soon());
    const grpc::ByteBuffer nothing;
    const grpc::Slice empty("");
    const grpc::ByteBuffer request(&empty, 1);
    grpc::ByteBuffer answer;
    grpc::Status status;
    std::atomic<bool> done{false};
    generic.UnaryCall(&context, method, {}, &request, &answer, [&](grpc::Status result) {
      status = std::move(result);
      done = true;
    });
    while (!done) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
}

TEST_F(ServerTest, SubscribersHearOfWhatMatters) {
  Listener listener(*stub);
  EXPECT_TRUE(listener.Gets(1));
  Commit(Upstream("v"));
  EXPECT_TRUE(listener.Gets(2));
  Commit(Service("b", "b.com", kReply));
  EXPECT_TRUE(listener.Gets(3));
  // The same again, and endpoints, are nothing new.
  Commit(Upstream("v"));
  Commit(
      R"({apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s, labels: {kubernetes.io/service-name:
         s}}, addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [10.0.0.1]}]})");
  // Looking at a change is none.
  SetReady();
  ASSERT_TRUE(Ask(Deleting("v")).ok());
  owner.Do([this] { server->AfterCommit(); });
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(listener.count(), 3);
  Commit(Upstream("w"));
  EXPECT_TRUE(listener.Gets(4));
}

TEST_F(ServerTest, WhoCancelsIsForgotten) {
  SetReady();
  { Listener gone(*stub); }
  Listener stays(*stub);
  ASSERT_TRUE(stays.Gets(1));
  std::mutex busy;
  busy.lock();
  owner.Post([&] { busy.lock(); });
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 50ms);
  EXPECT_EQ(stub->Validate(&context, {}, &response).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  busy.unlock();
  Commit(Upstream("v"));
  EXPECT_TRUE(stays.Gets(2));
  EXPECT_TRUE(Ask().ok());
}

TEST_F(ServerTest, ManyAtOnceAreAllAnswered) {
  SetReady();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        grpc::ClientContext context;
        context.set_deadline(Soon());
        GlooValidationServiceResponse answer;
        const bool deletes = (i + k) % 2 == 0;
        if (!stub->Validate(&context, deletes ? Deleting("u") : GlooValidationServiceRequest(), &answer).ok()) continue;
        const auto& http = answer.validation_reports(0).proxy_report().listener_reports(0).http_listener_report();
        if (http.virtual_host_reports(0).route_reports(0).warnings_size() == (deletes ? 1 : 0)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

TEST_F(ServerTest, TooManyThatWaitAreRefused) {
  SetReady();
  std::mutex busy;
  busy.lock();
  owner.Post([&] { busy.lock(); });
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 80; ++i) {
    threads.emplace_back([&] {
      grpc::ClientContext context;
      context.set_deadline(Soon());
      GlooValidationServiceResponse answer;
      const grpc::Status status = stub->Validate(&context, {}, &answer);
      if (status.ok()) ++answered;
      if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
    });
  }
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (refused < 16 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  busy.unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 16);
  EXPECT_EQ(answered, 64);
}

TEST_F(ServerTest, StopsWhileSomebodyWaits) {
  SetReady();
  Listener listener(*stub);
  ASSERT_TRUE(listener.Gets(1));
  std::mutex busy;
  busy.lock();
  owner.Post([&] { busy.lock(); });
  owner.Post([this] { server->Stop(); });
  std::thread waits([this] { EXPECT_EQ(Ask().error_code(), grpc::StatusCode::UNAVAILABLE); });
  std::this_thread::sleep_for(100ms);
  busy.unlock();
  waits.join();
  EXPECT_TRUE(listener.Ends());
}

TEST_F(ServerTest, MovesAndKeepsWhatItHasWhenItCannot) {
  SetReady();
  Listener listener(*stub);
  ASSERT_TRUE(listener.Gets(1));
  const int port = server->port();
  owner.Do([&] {
    const absl::Status taken = server->Listen("127.0.0.1:" + std::to_string(port), 1000);
    EXPECT_FALSE(taken.ok());
    EXPECT_THAT(std::string(taken.message()), HasSubstr(std::to_string(port)));
  });
  EXPECT_TRUE(Ask().ok());
  owner.Do([&] { EXPECT_TRUE(server->Listen("127.0.0.1:0", 1000).ok()); });
  EXPECT_NE(server->port(), port);
  EXPECT_TRUE(listener.Ends());
  Connect();
  EXPECT_TRUE(Ask().ok());
  EXPECT_EQ(Ask(Modifying("u", std::string(2'000, 'x'))).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace k8sgw::proxy_validation
