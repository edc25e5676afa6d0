#include "src/access_log/entry.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/data/accesslog/v3/accesslog.proto.h"
#include "envoy/service/accesslog/v3/als.proto.h"
#include "src/access_log/metrics.h"

namespace k8sgw::access_log {
namespace {

using ::envoy::data::accesslog::v3::HTTPAccessLogEntry;
using ::envoy::data::accesslog::v3::TCPAccessLogEntry;
using ::envoy::service::accesslog::v3::StreamAccessLogsMessage_Identifier;
using testing::HasSubstr;
using testing::Not;

const Sender kSender{"log", "pod.ns", "gateway"};

template <class Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

constexpr char kHttp[] = R"(
  common_properties {
    upstream_cluster: "shop" route_name: "r"
    start_time { seconds: 1782864000 nanos: 5 }
    duration { nanos: 7001002 }
    time_to_last_downstream_tx_byte { seconds: 1 nanos: 9 }
    time_to_last_upstream_rx_byte { nanos: 5000 }
    upstream_remote_address { socket_address { address: "10.0.0.1" port_value: 80 } }
    downstream_remote_address { socket_address { address: "::1" port_value: 5 } }
    response_flags { no_healthy_upstream: true no_route_found: true }
    metadata {
      filter_metadata { key: "io.solo.transformation" value { fields { key: "pod_name" value { string_value: "p" } } } }
      filter_metadata { key: "envoy.filters.http.jwt_authn" value { fields { key: "payload" value { struct_value {
        fields { key: "iss" value { string_value: "https://issuer" } } } } } } }
    }
  }
  protocol_version: HTTP11
  request {
    request_method: POST path: "/new" original_path: "/a\"b" authority: "host" request_body_bytes: 3
    request_headers { key: "x-b" value: "2" } request_headers { key: "x-a" value: "line\nbreak" }
  }
  response { response_code { value: 503 } response_headers { key: "h" value: "v" } response_body_bytes: 4 })";

TEST(EntryTest, ARequestIsOneLineWithItsFields) {
  std::string out;
  AppendHttp(kSender, Parse<HTTPAccessLogEntry>(kHttp), out);
  EXPECT_EQ(
      out, R"({"level":"info","msg":"received http request","logger_name":"log","node_id":"pod.ns",)"
           R"("node_cluster":"gateway","protocol_version":"HTTP11","request_method":"POST","request_authority":"host",)"
           R"("request_path":"/new","request_original_path":"/a\"b",)"
           R"("request_headers":{"x-a":"line\u000abreak","x-b":"2"},"request_headers_bytes":0,"request_body_bytes":3,)"
           R"("response_code":503,"response_headers":{"h":"v"},"response_trailers":{},"response_headers_bytes":0,)"
           R"("response_body_bytes":4,"cluster":"shop","route_name":"r",)"
           R"("start_time":"2026-07-01T00:00:00.000000005Z","duration":7001002,)"
           R"("downstream_remote_address":"[::1]:5","upstream_remote_address":"10.0.0.1:80",)"
           R"("response_flags":["no_healthy_upstream","no_route_found"],)"
           R"("downstream_resp_time":1000000009,"upstream_resp_time":5000,)"
           R"("issuer":"https://issuer","pod_name":"p"})"
           "\n");
}

TEST(EntryTest, AnEmptyEntryIsALine) {
  std::string out;
  const Measures measures = AppendHttp({}, {}, out);
  EXPECT_THAT(out, HasSubstr(R"("response_code":0)"));
  EXPECT_THAT(out, Not(HasSubstr("start_time")));
  EXPECT_FALSE(measures.downstream_ns || measures.upstream_ns);
}

TEST(EntryTest, AConnectionHasItsBytesAndAddresses) {
  std::string out;
  AppendTcp(kSender, Parse<TCPAccessLogEntry>(R"(
    common_properties {
      upstream_cluster: "db" start_time { seconds: 1 nanos: 999999999 } duration { seconds: 3 }
      upstream_local_address { pipe { path: "/s" } } connection_termination_details: "why"
    }
    connection_properties { received_bytes: 10 sent_bytes: 18446744073709551615 })"),
            out);
  EXPECT_EQ(out,
            R"({"level":"info","msg":"received tcp request","logger_name":"log","node_id":"pod.ns",)"
            R"("node_cluster":"gateway","upstream_cluster":"db","received_bytes":10,"sent_bytes":18446744073709551615,)"
            R"("route_name":"","start_time":"1970-01-01T00:00:01.999999999Z","duration":3000000000,)"
            R"("upstream_local_address":"/s","connection_termination_details":"why"})"
            "\n");
}

TEST(EntryTest, FilterStateIsShownAsFarAsItIsKnown) {
  std::string out;
  AppendTcp(kSender, Parse<TCPAccessLogEntry>(R"(common_properties {
    filter_state_objects { key: "text" value {
      type_url: "type.googleapis.com/google.protobuf.StringValue" value: "\n\002hi" } }
    filter_state_objects { key: "other" value { type_url: "x/y.Z" value: "\001" } } })"),
            out);
  EXPECT_THAT(out, HasSubstr(R"("filter_state_objects":{"other":{"@type":"x/y.Z","base64":"AQ=="},"text":"hi"})"));
}

TEST(EntryTest, ANodeCannotMakeLinesLarge) {
  StreamAccessLogsMessage_Identifier identifier;
  identifier.set_log_name(std::string(1 << 20, 'l'));
  identifier.mutable_node()->set_id(std::string(1 << 20, 'i'));
  identifier.mutable_node()->set_cluster(std::string(1 << 20, 'c'));
  identifier.mutable_node()->mutable_locality()->set_zone(std::string(1 << 20, 'z'));
  auto& fields = *identifier.mutable_node()->mutable_metadata()->mutable_fields();
  fields["role"].set_string_value("gateway");
  std::string out;
  AppendStream(identifier, out);
  EXPECT_THAT(out, HasSubstr(R"("node_metadata":{"role":"gateway"}})"));
  EXPECT_THAT(out, HasSubstr(R"("node_locality_bytes":1048580,)"));
  fields["role"].set_string_value(std::string(1 << 20, 'm'));
  AppendStream(identifier, out);
  EXPECT_THAT(out, HasSubstr(R"("node_metadata_bytes":10485)"));
  AppendHttp(ReadSender(identifier), HTTPAccessLogEntry(), out);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3);
  EXPECT_LT(out.size(), 12u << 10);
}

// What a hostile Envoy may send: dates out of range, durations that overflow, codes that do not exist.
TEST(EntryTest, NonsenseIsALineToo) {
  std::string out;
  AppendHttp(kSender, Parse<HTTPAccessLogEntry>(R"(
    common_properties {
      start_time { seconds: 9223372036854775807 nanos: -1 } duration { seconds: 9223372036854775807 nanos: 2147483647 }
    }
    protocol_version: 77 request { request_method: 1234 } response { response_code { value: 4294967295 } })"),
             out);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
  EXPECT_THAT(out, HasSubstr(R"("response_code":4294967295)"));
}

TEST(MetricsTest, CountsByPlainCodeClusterAndMethod) {
  Metrics metrics;
  std::string out;
  const auto entry = Parse<HTTPAccessLogEntry>(kHttp);
  for (int i = 0; i < 2; ++i) metrics.Count(AppendHttp(kSender, entry, out));
  const std::string text = metrics.Text({.written_entries = 2, .lost_entries = 5}, 3);
  const std::string labels = R"({response_code="503",cluster="shop",request_method="POST")";
  EXPECT_THAT(text, HasSubstr("\ngloo_solo_io_accesslogging_requests" + labels + "} 2\n"));
  EXPECT_THAT(text, HasSubstr("_upstream_resp_time_bucket" + labels + ",le=\"1000000\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("_downstream_resp_time_bucket" + labels + ",le=\"1000000000\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("_downstream_resp_time_bucket" + labels + ",le=\"2500000000\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("_downstream_resp_time_sum" + labels + "} 2000000018\n"));
  EXPECT_THAT(text, HasSubstr("\nk8sgateway_access_log_lost_entries_total 5\n"));
  EXPECT_THAT(text, HasSubstr("\nk8sgateway_access_log_streams 3\n"));
}

TEST(MetricsTest, StrangersCannotMakeMoreAndMoreSeries) {
  Metrics metrics;
  for (uint32_t i = 0; i < 10'000; ++i) metrics.Count({.response_code = i, .cluster = "c", .method = "GET"});
  const std::string text = metrics.Text({}, 0);
  EXPECT_LT(text.size(), 8u << 20);
  EXPECT_THAT(text, HasSubstr(R"(requests{response_code="other",cluster="other",request_method="other"} 8000)"));
}

}  // namespace
}  // namespace k8sgw::access_log
