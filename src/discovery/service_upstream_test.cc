#include "src/discovery/service_upstream.h"

#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include "api/gloo/v1/upstream.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/discovery/upstream_config.h"

namespace k8sgw::discovery {
namespace {

// The Upstream of port 80 of a Service x/a as YAML in one line, and the mistakes.
std::string Describe(const Labels& annotations, const core::ServicePort& port = {"http", 80, "", "TCP", ""},
                     const Labels& global = {}) {
  Object<core::Service> service;
  service.annotations = annotations;
  gloov1::Upstream upstream;
  const auto mistakes = DescribePort({"x", "a"}, service, port, global, &upstream);
  upstream.clear_kube();
  upstream.clear_discovery_metadata();
  std::string text = yaml::EmitJson(EncodeProto(upstream), 0);
  for (const std::string& mistake : mistakes) text += Cat(" | ", mistake);
  std::erase(text, ' ');
  return text;
}

TEST(DescribePort, WhichServiceAndPort) {
  Object<core::Service> service;
  service.labels = {{"team", "blue"}};
  service.spec.selector = {{"app", "a"}};
  service.annotations = {{"n", "t"}, {"kubectl.kubernetes.io/last-applied-configuration", "big"}};
  service.spec.ports = {{"udp", 80, "", "UDP", ""}, {"grpc", 80, "", "TCP", ""}, {"nothing", 0, "", "TCP", ""}};
  const DescribedService described = DescribeService({"x", "a"}, service, {});
  EXPECT_TRUE(described.mistakes.empty());
  EXPECT_EQ(described.annotations, (Labels{{"n", "t"}}));
  ASSERT_EQ(described.ports.size(), 1U);
  std::string text = yaml::EmitJson(EncodeProto(*described.ports.at(80)), 0);
  std::erase(text, ' ');
  EXPECT_EQ(text, R"({"discoveryMetadata":{"labels":{"team":"blue"}},"useHttp2":true,"kube":{"serviceName":"a",)"
                  R"("serviceNamespace":"x","servicePort":80,"selector":{"app":"a"}}})")
      << "the port of TCP";
}

TEST(DescribePort, Http2) {
  constexpr char kKey[] = "gloo.solo.io/h2_service";
  const std::string yes = R"({"useHttp2":true})";
  const std::string no = R"({"useHttp2":false})";
  for (const char* name : {"grpc", "grpc-web", "h2", "h2c", "http2", "http2-x"}) {
    EXPECT_EQ(Describe({}, {name, 80, "", "TCP", ""}), yes) << name;
    EXPECT_EQ(Describe({{kKey, "false"}}, {name, 80, "", "TCP", ""}), no) << name;
    EXPECT_EQ(Describe({}, {name, 80, "", "TCP", ""}, {{kKey, "false"}}), no) << name;
  }
  for (const char* name : {"http", "web-grpc", "", "H2"}) EXPECT_EQ(Describe({}, {name, 80, "", "TCP", ""}), "{}");
  for (const char* protocol : {"http2", "grpc", "grpc-web", "kubernetes.io/h2c"}) {
    EXPECT_EQ(Describe({}, {"", 80, "", "TCP", protocol}), yes) << protocol;
  }
  EXPECT_EQ(Describe({}, {"", 80, "", "TCP", "https"}), "{}");
  EXPECT_EQ(Describe({{kKey, "true"}}), yes);
  EXPECT_EQ(Describe({{kKey, "perhaps"}}), R"({}|gloo.solo.io/h2_service:isneither"true"nor"false")");
  EXPECT_EQ(Describe({{kKey, "true"}}, {"", 80, "", "TCP", ""}, {{kKey, "false"}}), yes) << "the Service's goes first";
}

TEST(DescribePort, Tls) {
  const std::string secret = R"({"sslConfig":{"secretRef":{"name":"s","namespace":"x"}}})";
  EXPECT_EQ(Describe({{"gloo.solo.io/sslService.secret", "s"}}), secret);
  EXPECT_EQ(Describe({{"gloo.solo.io/sslService.secret", "80:s"}}), secret);
  EXPECT_EQ(Describe({{"gloo.solo.io/sslService.secret", "443:s"}}), "{}");
  EXPECT_EQ(Describe({{"gloo.solo.io/sslService.secret", "s"}, {"gloo.solo.io/sslService.oneWayTls", "true"}}),
            R"({"sslConfig":{"secretRef":{"name":"s","namespace":"x"},"oneWayTls":true}})");
  EXPECT_EQ(Describe({{"gloo.solo.io/sslService.tlsCert", "/c"},
                      {"gloo.solo.io/sslService.tlsKey", "80:/k"},
                      {"gloo.solo.io/sslService.rootCa", "443:/r"}}),
            R"({"sslConfig":{"sslFiles":{"tlsCert":"/c","tlsKey":"/k"}}})");
  EXPECT_EQ(Describe({{"gloo.solo.io/sslService.oneWayTls", "true"}}), "{}");
}

TEST(DescribePort, Config) {
  const std::string key(kUpstreamConfig);
  const Labels own{{key, R"({"initial_stream_window_size": 70000, "connectionConfig": {"connectTimeout": "3s"}})"}};
  const Labels global{{key, R"({"connectionConfig": {"maxRequestsPerConnection": 5}, "maxConcurrentStreams": 7})"}};
  EXPECT_EQ(Describe(own, {"", 80, "", "TCP", ""}, global),
            R"({"connectionConfig":{"connectTimeout":"3s"},"initialStreamWindowSize":70000,"maxConcurrentStreams":7})");
  Labels deep = own;
  deep[key + ".deep_merge"] = "true";
  EXPECT_EQ(Describe(deep, {"", 80, "", "TCP", ""}, global),
            R"({"connectionConfig":{"maxRequestsPerConnection":5,"connectTimeout":"3s"},)"
            R"("initialStreamWindowSize":70000,"maxConcurrentStreams":7})");
  EXPECT_EQ(Describe({{key, R"({"useHttp2": false})"}, {"gloo.solo.io/h2_service", "true"}}), R"({"useHttp2":false})");
}

TEST(DescribePort, ConfigThatIsWrongIsLeftOut) {
  const std::string key(kUpstreamConfig);
  EXPECT_NE(Describe({{key, "{"}}).find("{}|gloo.solo.io/upstream_config:"), std::string::npos);
  EXPECT_NE(Describe({{key, "[1]"}}).find("{}|"), std::string::npos);
  EXPECT_NE(Describe({{key, R"({"useHtp2": true, "maxConcurrentStreams": 7})"}}).find(R"({"maxConcurrentStreams":7}|)"),
            std::string::npos);
}

TEST(DescribePort, ConfigOfPeopleWhoWantToDoHarm) {
  const std::string key(kUpstreamConfig);
  for (const std::string& text :
       {std::string(100'000, '['), std::string("{\"a\":") + std::string(100'000, '{'), std::string("\xff\xfe"),
        std::string("null"), std::string("\"text\""), std::string("{} {}"), std::string("useHttp2: true"),
        std::string(R"({"useHttp2": [true]})"), std::string(R"({"connectionConfig": "3s"})"),
        std::string(R"({"healthChecks": {"a": 1}, "kube": 7})"),
        std::string(R"({"useHttp2": true, "useHttp2": true})")}) {
    Object<core::Service> service;
    service.annotations = {{key, text}};
    gloov1::Upstream upstream;
    const auto mistakes = DescribePort({"x", "a"}, service, {"http", 80, "", "TCP", ""}, {}, &upstream);
    EXPECT_FALSE(mistakes.empty()) << text.substr(0, 50);
    upstream.clear_kube();
    EXPECT_EQ(upstream.ByteSizeLong(), 0U) << text.substr(0, 50);
  }
  // A thousand mistakes, each with a long text.
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += Cat(i == 0 ? "" : ",", "\"", std::string(1000, 'x'), i, "\":1");
  Object<core::Service> service;
  service.annotations = {{key, many + "}"}};
  gloov1::Upstream upstream;
  const auto mistakes = DescribePort({"x", "a"}, service, {"http", 80, "", "TCP", ""}, {}, &upstream);
  ASSERT_EQ(mistakes.size(), 11U);
  EXPECT_EQ(mistakes.back(), "gloo.solo.io/upstream_config: and 990 more");
  for (const std::string& mistake : mistakes) EXPECT_LT(mistake.size(), 320U);
}

TEST(DescribeService, ManyPortsDoNotMultiplyWhatIsLong) {
  Object<core::Service> service;
  const std::string config =
      R"({"maxConcurrentStreams": 7, "httpProxyHostname": ")" + std::string(100'000, 'x') + "\"}";
  service.annotations = {{std::string(kUpstreamConfig), config}, {"short", "s"}};
  service.labels = {{"long", std::string(100'000, 'x')}, {"team", "blue"}};
  for (uint32_t port = 1; port <= 16; ++port) service.spec.ports.push_back({"", port, "", "TCP", ""});
  DescribedService described = DescribeService({"x", "a"}, service, {});
  EXPECT_TRUE(described.mistakes.empty());
  EXPECT_EQ(described.annotations.size(), 2U);
  EXPECT_EQ(described.ports.at(16)->discovery_metadata().labels().size(), 2U);
  EXPECT_EQ(described.ports.at(16)->max_concurrent_streams().value(), 7U);
  for (uint32_t port = 17; port <= 20'000; ++port) service.spec.ports.push_back({"", port, "", "TCP", ""});
  described = DescribeService({"x", "a"}, service, {});
  size_t bytes = 0;
  for (const auto& [port, upstream] : described.ports) bytes += upstream->ByteSizeLong();
  EXPECT_EQ(described.ports.size(), 20'000U);
  EXPECT_LT(bytes, size_t{10} << 20);
  EXPECT_EQ(described.annotations, (Labels{{"short", "s"}}));
  EXPECT_EQ(described.ports.at(16)->discovery_metadata().labels().size(), 1U);
  EXPECT_FALSE(described.ports.at(16)->has_max_concurrent_streams());
  EXPECT_EQ(described.mistakes.size(), 3U);
}

TEST(DescribePort, NoAnnotationLeadsAway) {
  const std::string key(kUpstreamConfig);
  EXPECT_NE(Describe({{key, R"({"static": {"hosts": [{"addr": "169.254.169.254", "port": 80}]}})"}}).find("{}|"),
            std::string::npos);
  Object<core::Service> service;
  service.annotations = {{key, R"({"kube": {"serviceName": "other", "serviceNamespace": "kube-system", "servicePort": 1,
    "subsetSpec": {"selectors": [{"keys": ["v"]}]}}, "metadata": {"name": "evil"},
    "discoveryMetadata": {"labels": {"a": "b"}}})"}};
  gloov1::Upstream upstream;
  DescribePort({"x", "a"}, service, {"http", 80, "", "TCP", ""}, {}, &upstream);
  std::string text = yaml::EmitJson(EncodeProto(upstream), 0);
  std::erase(text, ' ');
  EXPECT_EQ(text, R"({"kube":{"serviceName":"a","serviceNamespace":"x","servicePort":80,)"
                  R"("subsetSpec":{"selectors":[{"keys":["v"]}]}}})");
}

TEST(UpstreamName, IsThePublishedOne) {
  EXPECT_EQ(UpstreamName({"default", "petstore"}, 8080), "default-petstore-8080");
  EXPECT_EQ(UpstreamName({"a", "b.c"}, 1), "a-b-c-1");
  const std::string at_limit(63 - std::string("ns--80").size(), 's');
  EXPECT_EQ(UpstreamName({"ns", at_limit}, 80), Cat("ns-", at_limit, "-80"));
  // As md5sum says of "ns-" and 60 times "s" and "-80".
  EXPECT_EQ(UpstreamName({"ns", std::string(60, 's')}, 80),
            "ns-ssssssssssssssssssssssssssss-a2110953c91bbd3fa0fe5a20737ddc1");
}

}  // namespace
}  // namespace k8sgw::discovery
