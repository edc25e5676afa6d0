// The real gRPC server, when it asks who calls: streams, single-type services and calls alike.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <mutex>

#include "envoy/service/cluster/v3/cds.grpc.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/endpoint/v3/eds.grpc.pb.h"
#include "envoy/service/listener/v3/lds.grpc.pb.h"
#include "envoy/service/route/v3/rds.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "src/rpc/test_bomb.h"
#include "src/xds/server.h"
#include "src/xds/test_authenticator.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;
namespace ads = ::envoy::service::discovery::v3;

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr char kSecret[] = "-----BEGIN PRIVATE KEY-----";

// What a client got: every byte, and how it ended.
struct Got {
  std::string bytes;
  grpc::Status status;
};

struct ServerAccess : ::testing::Test {
  ServerAccess() {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.engine.fallback_role = "fallback";
    options.engine.unknown_role_grace = 50ms;
    options.authenticator = &authenticator;
    options.on_refusal = [this](const Refusal& refusal) {
      std::lock_guard<std::mutex> lock(mutex);
      peers.push_back(refusal.peer);
    };
    auto started = Server::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    server = std::move(*started);
    Connect();
    Update update;
    for (const Type type : {Type::kSecret, Type::kCluster, Type::kEndpoint, Type::kListener, Type::kRoute}) {
      update.put.push_back(Make(type, "one", kSecret));
    }
    server->Apply(kRole, update);
  }

  // By a connection of its own.
  void Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                        grpc::InsecureChannelCredentials(), arguments);
  }

  // Calls a method as a stream: writes one request, and reads until something comes or it ends.
  Got Call(const std::string& method, Type type, const std::vector<std::string>& authorization,
           const std::string& role = kRole) {
    ads::DiscoveryRequest state;
    ads::DeltaDiscoveryRequest delta;
    const auto fill = [&](auto& request) {
      (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role);
      request.set_type_url(std::string(TypeUrl(type)));
      return request.SerializeAsString();
    };
    const bool is_delta = method.find("/Delta") != std::string::npos;
    if (!is_delta) state.add_resource_names("one");
    if (is_delta) delta.add_resource_names_subscribe("one");
    const std::string text = is_delta ? fill(delta) : fill(state);
    const grpc::Slice slice(text);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    for (const std::string& value : authorization) context.AddMetadata("authorization", value);
    grpc::GenericStub stub(channel);
    grpc::CompletionQueue queue;
    const auto next = [&] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    const auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    next();
    call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
    next();
    Got got;
    grpc::ByteBuffer answer;
    while (true) {
      call->Read(&answer, nullptr);
      if (!next()) break;
      std::vector<grpc::Slice> slices;
      static_cast<void>(answer.Dump(&slices));
      for (const auto& piece : slices) got.bytes.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
    }
    call->Finish(&got.status, nullptr);
    next();
    return got;
  }

  TestAuthenticator authenticator;
  std::mutex mutex;
  std::vector<std::string> peers;  // guarded by mutex
  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;
};

struct Method {
  std::string name;
  Type type;
};

// Every method of every service that hands out configuration.
std::vector<Method> AllMethods() {
  const std::pair<const google::protobuf::ServiceDescriptor*, Type> kServices[] = {
      {ads::AdsDummy::descriptor()->file()->service(0), Type::kSecret},
      {::envoy::service::secret::v3::SdsDummy::descriptor()->file()->service(0), Type::kSecret},
      {::envoy::service::cluster::v3::CdsDummy::descriptor()->file()->service(0), Type::kCluster},
      {::envoy::service::endpoint::v3::EdsDummy::descriptor()->file()->service(0), Type::kEndpoint},
      {::envoy::service::listener::v3::LdsDummy::descriptor()->file()->service(0), Type::kListener},
      {::envoy::service::route::v3::RdsDummy::descriptor()->file()->service(0), Type::kRoute},
  };
  std::vector<Method> methods;
  for (const auto& [service, type] : kServices) {
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back({"/" + service->full_name() + "/" + service->method(i)->name(), type});
    }
  }
  return methods;
}

TEST_F(ServerAccess, NoMethodGivesAnythingToWhoMayNotHaveIt) {
  const auto methods = AllMethods();
  ASSERT_EQ(methods.size(), 17U);
  for (const Method& method : methods) {
    SCOPED_TRACE(method.name);
    const auto expect = [&](const std::vector<std::string>& authorization, grpc::StatusCode code) {
      const Got got = Call(method.name, method.type, authorization);
      EXPECT_EQ(got.status.error_code(), code) << got.status.error_message();
      EXPECT_EQ(got.bytes, "");
    };
    expect({}, grpc::StatusCode::UNAUTHENTICATED);
    expect({kRole, kRole}, grpc::StatusCode::UNAUTHENTICATED);
    expect({"gloo-system~other"}, grpc::StatusCode::PERMISSION_DENIED);
    const Got got = Call(method.name, method.type, {kRole});
    EXPECT_TRUE(got.status.ok()) << got.status.error_message();
    EXPECT_NE(got.bytes.find(kSecret), std::string::npos);
  }
  EXPECT_EQ(server->access_stats().admitted, 17);
  EXPECT_EQ(server->access_stats().unauthenticated, 2 * 17);
  EXPECT_EQ(server->access_stats().denied, 17);
  EXPECT_EQ(server->stats().nacks, 0);
  ASSERT_EQ(peers.size(), 3U * 17);
  for (const std::string& peer : peers) EXPECT_TRUE(peer.starts_with("ipv4:127.0.0.1:")) << peer;
}

TEST_F(ServerAccess, WhoIsKnownAndNamesNoRoleGetsTheFallback) {
  server->Apply("fallback", {{Make(Type::kListener, "sorry", "the fallback")}, {}});
  const std::string method = "/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners";
  EXPECT_EQ(Call(method, Type::kListener, {kRole}, "").status.error_code(), grpc::StatusCode::OK);
  EXPECT_EQ(Call(method, Type::kListener, {}, "").status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ServerAccess, WhenNobodyCanTellItSaysSo) {
  authenticator.away = true;
  const Got got =
      Call("/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources", Type::kCluster, {kRole});
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(got.status.error_message(), "nobody can tell");
}

TEST_F(ServerAccess, NoMethodUnpacksAnything) {
  std::vector<std::string> names;
  for (const Method& method : AllMethods()) names.push_back(method.name);
  testing::ExpectNothingIsUnpacked(server->port(), names);
  EXPECT_TRUE(Call(names.back(), AllMethods().back().type, {kRole}).status.ok());
}

TEST_F(ServerAccess, NoMethodReadsWhatStrangersSay) {
  std::vector<std::string> names;
  for (const Method& method : AllMethods()) names.push_back(method.name);
  testing::ExpectStrangersAreNotRead(server->port(), names);
  EXPECT_TRUE(Call(names.back(), AllMethods().back().type, {kRole}).status.ok());
}

// gRPC refuses headers of so many bytes by itself, perhaps with their connection.
TEST_F(ServerAccess, AHugeTokenHurtsNobody) {
  const std::string method = "/envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters";
  EXPECT_FALSE(Call(method, Type::kCluster, {std::string(1 << 20, 'x')}).status.ok());
  Connect();
  EXPECT_TRUE(Call(method, Type::kCluster, {kRole}).status.ok());
}

TEST_F(ServerAccess, HealthIsForEverybody) {
  server->SetServing();
  const grpc::Slice empty("");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::ByteBuffer(&empty, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace k8sgw::xds
