// The real gRPC server with real clients over loopback.
#include "src/xds/server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "envoy/service/cluster/v3/cds.grpc.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;
namespace ads = ::envoy::service::discovery::v3;

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr auto kPatience = 20s;

template <class Condition>
bool Becomes(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

struct ServerTest : testing::Test {
  ServerTest() {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.engine.fallback_role = "fallback";
    options.engine.unknown_role_grace = 50ms;
    options.engine.on_nack = [this](const Nack&) { ++nacks; };
    auto started = Server::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    server = std::move(*started);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    // Each test has a connection of its own.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                        grpc::InsecureChannelCredentials(), arguments);
  }

  void Put(std::vector<Ptr<Resource>> resources) { server->Apply(kRole, {std::move(resources), {}}); }

  std::atomic<int> nacks{0};
  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;
};

// A delta ADS stream of one type.
struct DeltaClient {
  explicit DeltaClient(const std::shared_ptr<grpc::Channel>& channel, const std::string& role = kRole)
      : stub(ads::AggregatedDiscoveryService::NewStub(channel)) {
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream = stub->DeltaAggregatedResources(&context);
    ads::DeltaDiscoveryRequest request;
    request.mutable_node()->set_id("test");
    (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role);
    request.set_type_url(std::string(TypeUrl(Type::kCluster)));
    stream->Write(request);
  }
  ~DeltaClient() { context.TryCancel(); }

  bool Read() { return stream->Read(&response); }
  void Answer(const std::string& error = "") {
    ads::DeltaDiscoveryRequest request;
    request.set_type_url(response.type_url());
    request.set_response_nonce(response.nonce());
    if (!error.empty()) request.mutable_error_detail()->set_message(error);
    stream->Write(request);
  }

  std::unique_ptr<ads::AggregatedDiscoveryService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<ads::DeltaDiscoveryRequest, ads::DeltaDiscoveryResponse>> stream;
  ads::DeltaDiscoveryResponse response;
};

TEST_F(ServerTest, DeltaAnswersChangesAndNacks) {
  Put({Make(Type::kCluster, "a", "1"), Make(Type::kCluster, "b", "1")});
  DeltaClient client(channel);
  ASSERT_TRUE(client.Read());
  EXPECT_EQ(client.response.resources_size(), 2);
  client.Answer();
  ASSERT_TRUE(Becomes([&] { return server->InSync(kRole); }));
  Put({Make(Type::kCluster, "b", "2")});
  ASSERT_TRUE(client.Read());
  ASSERT_EQ(client.response.resources_size(), 1);
  EXPECT_EQ(client.response.resources(0).resource().value(), "2");
  client.Answer("b is bad");
  ASSERT_TRUE(Becomes([&] { return nacks == 1; }));
  Put({Make(Type::kCluster, "b", "3")});
  ASSERT_TRUE(client.Read());
  EXPECT_EQ(client.response.resources(0).resource().value(), "3");
}

TEST_F(ServerTest, StateOfTheWorldByTheSingleService) {
  Put({Make(Type::kCluster, "a", "1")});
  auto stub = ::envoy::service::cluster::v3::ClusterDiscoveryService::NewStub(channel);
  grpc::ClientContext context;
  auto stream = stub->StreamClusters(&context);
  ads::DiscoveryRequest request;
  (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(kRole);
  // Without a type: the service says it.
  stream->Write(request);
  ads::DiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.type_url(), TypeUrl(Type::kCluster));
  ASSERT_EQ(response.resources_size(), 1);
  EXPECT_EQ(response.resources(0).value(), "1");
  context.TryCancel();
}

TEST_F(ServerTest, FetchAnswersOnceAndThenSaysThatNothingIsNewer) {
  Put({Make(Type::kCluster, "a", "1")});
  auto stub = ::envoy::service::cluster::v3::ClusterDiscoveryService::NewStub(channel);
  ads::DiscoveryRequest request;
  (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(kRole);
  ads::DiscoveryResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->FetchClusters(&context, request, &response).ok());
    EXPECT_EQ(response.resources_size(), 1);
  }
  request.set_version_info(response.version_info());
  grpc::ClientContext context;
  EXPECT_EQ(stub->FetchClusters(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, AnUnknownRoleGetsTheFallbackAfterTheGracePeriod) {
  server->Apply("fallback", {{Make(Type::kCluster, "sorry", "1")}, {}});
  DeltaClient client(channel, "nobody~knows");
  ASSERT_TRUE(client.Read());
  ASSERT_EQ(client.response.resources_size(), 1);
  EXPECT_EQ(client.response.resources(0).name(), "sorry");
  EXPECT_EQ(server->stats().unknown_roles, 1);
}

TEST_F(ServerTest, LargeResponsesArriveWhole) {
  const std::string large(70 << 20, 'x');
  std::vector<Ptr<Resource>> resources = {Make(Type::kCluster, "large", large)};
  for (int i = 0; i < 1000; ++i)
    resources.push_back(Make(Type::kCluster, "c" + std::to_string(i), std::string(static_cast<size_t>(i) * 20, 'y')));
  Put(resources);
  DeltaClient client(channel);
  ASSERT_TRUE(client.Read());
  ASSERT_EQ(client.response.resources_size(), 1001);
  for (const auto& resource : client.response.resources()) {
    EXPECT_TRUE(resource.name() != "large" || resource.resource().value() == large);
  }
}

TEST_F(ServerTest, ARequestThatIsTooLargeEndsItsStreamOnly) {
  Put({Make(Type::kCluster, "a", "1")});
  DeltaClient good(channel);
  ASSERT_TRUE(good.Read());
  DeltaClient bad(channel);
  ads::DeltaDiscoveryRequest request;
  request.set_type_url(std::string(33 << 20, 'x'));
  bad.stream->Write(request);
  while (bad.Read()) {
  }
  EXPECT_EQ(bad.stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  good.Answer();
  Put({Make(Type::kCluster, "a", "2")});
  EXPECT_TRUE(good.Read());
}

// More than gRPC takes by default, which is 4 MiB: a client may name all that it has.
TEST_F(ServerTest, LargeRequestsAreRead) {
  Put({Make(Type::kCluster, "a", "1"), Make(Type::kRoute, "r", "1")});
  DeltaClient client(channel);
  ASSERT_TRUE(client.Read());
  client.Answer();
  ads::DeltaDiscoveryRequest request;
  request.set_type_url(std::string(TypeUrl(Type::kRoute)));
  for (int i = 0; i < 30; ++i) request.add_resource_names_subscribe(std::string((1 << 20) + i, 'x'));
  request.add_resource_names_subscribe("r");
  client.stream->Write(request);
  ASSERT_TRUE(client.Read());
  ASSERT_EQ(client.response.resources_size(), 1);
  EXPECT_EQ(client.response.resources(0).name(), "r");
}

TEST_F(ServerTest, ANodeMayHaveAMegabyteOfMetadata) {
  Put({Make(Type::kCluster, "a", "1")});
  auto stub = ads::AggregatedDiscoveryService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = stub->DeltaAggregatedResources(&context);
  ads::DeltaDiscoveryRequest request;
  request.mutable_node()->set_id("~/" + std::string(1 << 20, 'i'));
  auto& fields = *request.mutable_node()->mutable_metadata()->mutable_fields();
  for (int i = 0; i < 1024; ++i) fields["field-" + std::to_string(i)].set_string_value(std::string(1024, 'x'));
  fields["role"].set_string_value(kRole);
  request.set_type_url(std::string(TypeUrl(Type::kCluster)));
  stream->Write(request);
  ads::DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.resources_size(), 1);
  EXPECT_EQ(response.resources(0).name(), "a");
  context.TryCancel();
}

TEST_F(ServerTest, AClientThatNeverReadsOrFloodsHurtsNobody) {
  DeltaClient silent(channel);
  DeltaClient flood(channel);
  std::thread flooding([&] {
    ads::DeltaDiscoveryRequest stale;
    stale.set_type_url(std::string(TypeUrl(Type::kCluster)));
    stale.set_response_nonce("stale");
    for (int i = 0; i < 5000; ++i) {
      if (!flood.stream->Write(stale)) return;
    }
  });
  DeltaClient good(channel);
  // A first answer may be empty.
  for (int i = 0; i < 300; ++i) {
    const std::string version = std::to_string(i);
    Put({Make(Type::kCluster, "a", version + std::string(10'000, 'x'))});
    do {
      ASSERT_TRUE(good.Read());
      good.Answer();
    } while (good.response.resources_size() == 0 ||
             !good.response.resources(0).resource().value().starts_with(version + "x"));
  }
  flooding.join();
  // The silent one was sent one response, and no more were kept for it.
  EXPECT_LE(server->stats().responses, 2 * 301 + 2);
}

TEST_F(ServerTest, TwoHundredReconnectsLeaveNothingBehind) {
  Put({Make(Type::kCluster, "a", "1")});
  for (int i = 0; i < 200; ++i) {
    DeltaClient client(channel);
    if (i % 2 == 0) {
      ASSERT_TRUE(client.Read());
    }
  }
  EXPECT_TRUE(Becomes([&] { return server->stats().streams == 0; }));
}

TEST_F(ServerTest, AClientThatAsksWithoutReadingIsNotListenedTo) {
  constexpr int kRequests = 1500;
  DeltaClient client(channel);
  ads::DeltaDiscoveryRequest request;
  request.set_type_url("type.googleapis.com/unknown");
  request.add_resource_names_subscribe(std::string(64 << 10, 'x'));
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (written < kRequests && client.stream->Write(request)) ++written;
  });
  for (int before = -1; before != written;) {
    before = written;
    std::this_thread::sleep_for(300ms);
  }
  EXPECT_LT(written, kRequests);
  // Who reads after all gets every answer.
  int read = 0;
  while (read < kRequests && client.Read()) ++read;
  EXPECT_EQ(read, kRequests);
  writer.join();
  EXPECT_EQ(written, kRequests);
}

TEST_F(ServerTest, ShutdownEndsOpenStreamsAndManyWritersMayShareTheServer) {
  std::vector<std::unique_ptr<DeltaClient>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<DeltaClient>(channel));
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (auto& client : clients) {
    threads.emplace_back([&stop, client = client.get()] {
      while (!stop && client->Read()) client->Answer();
    });
  }
  for (int i = 0; i < 300; ++i) {
    Put({Make(Type::kCluster, "a", std::to_string(i)),
         Make(Type::kCluster, "b" + std::to_string(i % 7), std::to_string(i))});
    static_cast<void>(server->InSync(kRole));
  }
  const auto begin = std::chrono::steady_clock::now();
  server->Shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  stop = true;
  for (auto& thread : threads) thread.join();
}

TEST(ServerStart, APortInUseIsSaid) {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  auto first = Server::Start(options);
  ASSERT_TRUE(first.ok());
  options.address = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = Server::Start(options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(std::string(second.status().message()).find("in use"), std::string::npos);
}

}  // namespace
}  // namespace k8sgw::xds
