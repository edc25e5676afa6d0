// The real server over loopback, in front of a real xDS server, as Envoys ask it and as others do.
#include "src/xds_rest/server.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "src/base/text.h"
#include "src/http/test_client.h"
#include "src/xds/test_authenticator.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds_rest {
namespace {

using namespace std::chrono_literals;
using http::TestClient;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using xds::Type;

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr char kClusters[] = "/v3/discovery:clusters";
constexpr char kEndpoints[] = "/v3/discovery:endpoints";

Ptr<xds::Resource> Cluster(const std::string& name, const std::string& version) {
  ::envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name(name);
  cluster.set_alt_stat_name(version);
  return xds::Make(Type::kCluster, name, cluster.SerializeAsString());
}
Ptr<xds::Resource> Endpoints(const std::string& name) {
  ::envoy::config::endpoint::v3::ClusterLoadAssignment endpoints;
  endpoints.set_cluster_name(name);
  return xds::Make(Type::kEndpoint, name, endpoints.SerializeAsString());
}

class RestTest : public ::testing::Test {
 protected:
  RestTest() { signal(SIGPIPE, SIG_IGN); }

  void Start(xds::Authenticator* authenticator = nullptr) {
    xds::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.engine.fallback_role = "fallback";
    options.authenticator = authenticator;
    auto started = xds::Server::Start(options);
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    server->Apply(kRole, {{Cluster("one", "1"), Cluster("two", "1"), Endpoints("one")}, {}});
    server->Apply("fallback", {{Cluster("sorry", "1")}, {}});
    Listen();
  }
  void Listen() {
    const absl::Status status = rest.Listen("127.0.0.1:0");
    ASSERT_TRUE(status.ok()) << status;
  }
  static std::string Body(const std::string& role = kRole, const std::string& more = "") {
    return Cat(R"({"node":{"id":"envoy","metadata":{"role":")", role, R"("}})", more, "}");
  }
  std::string Ask(const std::string& body, const std::string& path = kClusters) {
    return TestClient(rest.port(), false).Post(body, path);
  }
  std::string AskWith(const std::string& authorization, const std::string& body) {
    TestClient client(rest.port(), false);
    client.Send(Cat("POST ", kClusters, " HTTP/1.1\r\nHost: x\r\n", authorization, "Content-Length: ", body.size(),
                    "\r\n\r\n", body));
    return client.ReadAnswer();
  }
  static std::string VersionIn(const std::string& answer) {
    const size_t at = answer.find("\"versionInfo\": \"") + 16;
    return answer.substr(at, answer.find('"', at) - at);
  }

  std::shared_ptr<xds::Server> server;
  Server rest{[this] { return server; }};
};

TEST_F(RestTest, AnswersWithWhatThereIs) {
  Start();
  const std::string answer = Ask(Body());
  EXPECT_THAT(answer, AllOf(StartsWith("200 {"), HasSubstr(R"("name": "one")"), HasSubstr(R"("name": "two")"),
                            HasSubstr(R"("@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster")"),
                            HasSubstr(R"("typeUrl": "type.googleapis.com/envoy.config.cluster.v3.Cluster")"),
                            Not(HasSubstr("nonce"))));
  EXPECT_THAT(Ask(Body(kRole, R"(,"resourceNames":["two"])")), Not(HasSubstr(R"("name": "one")")));
  EXPECT_THAT(Ask(Body(kRole, R"(,"resource_names":["one","nobody"])"), kEndpoints),
              AllOf(StartsWith("200"), HasSubstr(R"("clusterName": "one")")));
  for (const char* type : {"listeners", "routes", "secrets"}) {
    EXPECT_THAT(Ask(Body(), Cat("/v3/discovery:", type)), StartsWith("200 {\"versionInfo\":")) << type;
  }
}

TEST_F(RestTest, WhoHasTheNewestIsToldSo) {
  Start();
  const std::string version = VersionIn(Ask(Body()));
  TestClient client(rest.port(), false);
  const std::string body = Body(kRole, Cat(R"(,"versionInfo":")", version, "\""));
  client.Send(Cat("POST ", kClusters, " HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 304"));
  server->Apply(kRole, {{Cluster("two", "2")}, {}});
  const std::string newer = client.Post(body, kClusters);
  EXPECT_THAT(newer, StartsWith("200"));
  EXPECT_NE(VersionIn(newer), version);
}

TEST_F(RestTest, RolesAreThoseOfStreams) {
  Start();
  EXPECT_THAT(Ask("{}"), AllOf(StartsWith("200"), HasSubstr("sorry"))) << "no role has the fallback";
  EXPECT_THAT(Ask(R"({"node":{"metadata":{"role":7}}})"), HasSubstr("sorry"));
  EXPECT_EQ(Ask(Body("no~body")), "500 fetch error: missing snapshot for \"no~body\"\n");
  EXPECT_EQ(server->stats().unknown_roles, 1);
}

TEST_F(RestTest, BadRequestsAreRefused) {
  Start();
  EXPECT_THAT(Ask(""), StartsWith("400"));
  EXPECT_THAT(Ask("hello"), StartsWith("400 the body is no JSON"));
  EXPECT_THAT(Ask("[]"), StartsWith("400"));
  EXPECT_THAT(Ask(R"({"nod":{}})"), AllOf(StartsWith("400"), HasSubstr(R"(unknown field "nod")"), HasSubstr("node")));
  EXPECT_THAT(Ask(R"({"resourceNames":7})"), StartsWith("400"));
  EXPECT_THAT(Ask(R"({"typeUrl":"type.googleapis.com/envoy.config.route.v3.RouteConfiguration"})"),
              StartsWith("400 typeUrl: "));
  EXPECT_THAT(Ask(std::string(100'000, '[')), StartsWith("400"));
  EXPECT_THAT(Ask(R"({"node":{"newInLaterEnvoys":{"a":[1]},"extensions":[{"alsoNew":true}]}})"), StartsWith("200"));
  for (const char* path : {"/", "/v3/discovery", "/v3/discovery:", "/v3/discovery:scoped-routes",
                           "/v2/discovery:clusters", "/v3/discovery:clusters/", "/v3/discovery%3Aclusters"}) {
    EXPECT_THAT(Ask("{}", path), StartsWith("404")) << path;
  }
  for (const char* method : {"PUT", "DELETE"}) {
    EXPECT_THAT(TestClient(rest.port(), false).Get(kClusters, method), StartsWith("405 use POST ")) << method;
  }
  EXPECT_GT(rest.requests(), 10u);
}

TEST_F(RestTest, AGetWithABodyIsAskedAsAPostIs) {
  Start();
  TestClient client(rest.port(), false);
  const auto get = [&](const std::string& body) {
    client.Send(Cat("GET ", kClusters, " HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
    return client.ReadAnswer();
  };
  const std::string answer = get(Body());
  EXPECT_THAT(answer, StartsWith("200 {"));
  EXPECT_EQ(answer, Ask(Body()));
  EXPECT_THAT(get(R"({"nod":{}})"), StartsWith("400 the body is no DiscoveryRequest"));
  EXPECT_EQ(get(Body("no~body")), "500 fetch error: missing snapshot for \"no~body\"\n");
  // A browser's, on the same connection.
  EXPECT_THAT(get(""), AllOf(StartsWith("400 "), HasSubstr("body"), HasSubstr("POST")));
  EXPECT_EQ(client.Get(kClusters), get(""));
  client.Send(Cat("GET ", kClusters, " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), AllOf(StartsWith("200"), HasSubstr("sorry")));
}

TEST_F(RestTest, HugeBodiesAreRefused) {
  Start();
  for (const char* method : {"POST", "GET"}) {
    TestClient client(rest.port(), false);
    client.Send(Cat(method, " ", kClusters, " HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("413")) << method;
  }
  EXPECT_THAT(Ask(Body()), StartsWith("200"));
}

TEST_F(RestTest, ObeysTheAuthenticator) {
  xds::TestAuthenticator authenticator;
  Start(&authenticator);
  for (int i = 0; i < 6; ++i) {  // on all its threads
    EXPECT_EQ(AskWith("", Body()), "401 who is it\n");
    EXPECT_EQ(AskWith("Authorization: a~b\r\n", Body()), "403 not yours\n");
    EXPECT_THAT(AskWith(Cat("authorization: ", kRole, "\r\n"), Body()), StartsWith("200"));
  }
  EXPECT_EQ(AskWith(Cat("authorization: ", kRole, "\r\nauthorization: ", kRole, "\r\n"), Body()), "401 who is it\n");
  EXPECT_EQ(AskWith("authorization: a~b\r\n", Body("a~b")), "500 fetch error: missing snapshot for \"a~b\"\n");
  authenticator.away = true;
  EXPECT_EQ(AskWith(Cat("authorization: ", kRole, "\r\n"), Body()), "503 nobody can tell\n");
  EXPECT_EQ(server->access_stats().unauthenticated, 7);
  EXPECT_EQ(server->access_stats().denied, 6);
}

TEST_F(RestTest, ThereMayBeNoServerYetOrAnother) {
  Listen();
  EXPECT_THAT(Ask(Body()), StartsWith("503"));
  Start();
  EXPECT_THAT(Ask(Body()), StartsWith("200"));
  server.reset();
  EXPECT_THAT(Ask(Body()), StartsWith("503"));
}

TEST_F(RestTest, LargeAnswersAreMadeOnce) {
  Start();
  xds::Update update;
  for (int i = 0; i < 2000; ++i) update.put.push_back(Cluster(Cat("cluster-", i), "1"));
  server->Apply(kRole, update);
  std::vector<std::thread> envoys;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 20; ++i) {
    envoys.emplace_back([&] { whole += Ask(Body()).find("cluster-1999") != std::string::npos; });
  }
  for (std::thread& envoy : envoys) envoy.join();
  EXPECT_EQ(whole, 20);
}

TEST_F(RestTest, APortThatIsTakenLeavesTheOldOne) {
  Start();
  const int port = rest.port();
  EXPECT_FALSE(rest.Listen(Cat("127.0.0.1:", server->port())).ok());
  EXPECT_EQ(rest.port(), port);
  EXPECT_THAT(Ask(Body()), StartsWith("200"));
  rest.Stop();
  EXPECT_EQ(rest.port(), 0);
}

}  // namespace
}  // namespace k8sgw::xds_rest
