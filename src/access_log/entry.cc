#include "src/access_log/entry.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <map>
#include <vector>

#include "absl/time/time.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/data/accesslog/v3/accesslog.proto.h"
#include "envoy/service/accesslog/v3/als.proto.h"
#include "src/access_log/json_line.h"
#include "src/base/base64.h"
#include "src/base/text.h"

namespace k8sgw::access_log {
namespace {

namespace logv3 = ::envoy::data::accesslog::v3;
using ::envoy::config::core::v3::Address;
using ::envoy::service::accesslog::v3::StreamAccessLogsMessage_Identifier;
using google::protobuf::Duration;
using google::protobuf::Message;
using google::protobuf::Struct;
using google::protobuf::Timestamp;
using google::protobuf::Value;

// Maps of messages have no order; lines have one.
template <class Map>
std::map<std::string_view, const typename Map::mapped_type*> Sorted(const Map& map) {
  std::map<std::string_view, const typename Map::mapped_type*> sorted;
  for (const auto& [key, value] : map) sorted.emplace(key, &value);
  return sorted;
}

std::string Json(const Message& message) {
  std::string out;
  return google::protobuf::util::MessageToJsonString(message, &out).ok() ? out : "{}";
}

// Names stand in each line, and what a node says of itself in one of each stream: neither is for floods.
constexpr size_t kMostOfName = 1024;
constexpr size_t kMostOfNode = 16 << 10;

std::string Name(const std::string& text) { return text.substr(0, kMostOfName); }

void AddOfNode(JsonLine& line, const std::string& name, const Message& message) {
  const size_t bytes = message.ByteSizeLong();
  bytes <= kMostOfNode ? line.Raw(name, Json(message)) : line.Number(name + "_bytes", bytes);
}

std::string Time(const Timestamp& time) {
  const absl::Time at = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", at, absl::UTCTimeZone());
}

int64_t Nanoseconds(const Duration& duration) {
  return absl::ToInt64Nanoseconds(absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos()));
}

std::string Show(const Address& address) {
  if (address.has_pipe()) return address.pipe().path();
  if (!address.has_socket_address()) return "";
  const auto& socket = address.socket_address();
  const bool v6 = socket.address().find(':') != std::string::npos;
  return Cat(v6 ? "[" : "", socket.address(), v6 ? "]:" : ":", socket.port_value());
}

void AddAddress(JsonLine& line, std::string_view name, const Address& address) { line.TextIfAny(name, Show(address)); }

template <class Map>
void AddTexts(JsonLine& line, std::string_view name, const Map& texts) {
  line.Open(name, '{');
  for (const auto& [key, value] : Sorted(texts)) line.Text(key.empty() ? " " : key, *value);
  line.Close('}');
}

// The names of those that are set.
void AddFlags(JsonLine& line, const logv3::ResponseFlags& flags) {
  std::vector<const google::protobuf::FieldDescriptor*> set;
  flags.GetReflection()->ListFields(flags, &set);
  if (set.empty()) return;
  line.Open("response_flags", '[');
  for (const auto* field : set) line.Text("", field->name());
  line.Close(']');
}

// Texts as they are, what else we know as JSON, and anything else in base64.
void AddFilterState(JsonLine& line, const logv3::AccessLogCommon& common) {
  if (common.filter_state_objects().empty()) return;
  line.Open("filter_state_objects", '{');
  for (const auto& [key, value] : Sorted(common.filter_state_objects())) {
    const std::string_view name = key.empty() ? " " : key;
    google::protobuf::StringValue text;
    google::protobuf::BytesValue bytes;
    Struct object;
    if (value->UnpackTo(&text)) {
      line.Text(name, text.value());
    } else if (value->UnpackTo(&bytes)) {
      line.Text(name, bytes.value());
    } else if (value->UnpackTo(&object)) {
      line.Raw(name, Json(object));
    } else {
      line.Open(name, '{');
      line.Text("@type", value->type_url());
      line.Text("base64", EncodeBase64(value->value()));
      line.Close('}');
    }
  }
  line.Close('}');
}

const Struct* Metadata(const logv3::AccessLogCommon& common, const std::string& filter) {
  const auto& all = common.metadata().filter_metadata();
  const auto it = all.find(filter);
  return it == all.end() ? nullptr : &it->second;
}

std::string TextField(const Struct* object, const std::string& name) {
  if (!object) return "";
  const auto it = object->fields().find(name);
  return it == object->fields().end() ? "" : it->second.string_value();
}

// Of the tokens that were checked, the first by name that has an issuer.
std::string Issuer(const logv3::AccessLogCommon& common) {
  const Struct* tokens = Metadata(common, "envoy.filters.http.jwt_authn");
  if (!tokens) return "";
  for (const auto& [name, token] : Sorted(tokens->fields())) {
    if (!token->has_struct_value()) continue;
    if (std::string issuer = TextField(&token->struct_value(), "iss"); !issuer.empty()) return issuer;
  }
  return "";
}

void AddSender(JsonLine& line, std::string_view message, const Sender& sender) {
  line.Text("level", "info");
  line.Text("msg", message);
  line.Text("logger_name", sender.log_name);
  line.Text("node_id", sender.node_id);
  line.Text("node_cluster", sender.node_cluster);
}

void AddDuration(JsonLine& line, std::string_view name, bool has, const Duration& duration) {
  if (has) line.Signed(name, Nanoseconds(duration));
}

// What requests and connections have in common, but for names.
void AddCommon(JsonLine& line, const logv3::AccessLogCommon& common) {
  line.Text("route_name", common.route_name());
  if (common.has_start_time()) line.Text("start_time", Time(common.start_time()));
  AddDuration(line, "duration", common.has_duration(), common.duration());
  AddAddress(line, "downstream_remote_address", common.downstream_remote_address());
  AddAddress(line, "downstream_direct_remote_address", common.downstream_direct_remote_address());
  AddAddress(line, "downstream_local_address", common.downstream_local_address());
  AddAddress(line, "upstream_remote_address", common.upstream_remote_address());
  AddAddress(line, "upstream_local_address", common.upstream_local_address());
  AddFlags(line, common.response_flags());
  line.TextIfAny("upstream_transport_failure_reason", common.upstream_transport_failure_reason());
  line.TextIfAny("downstream_transport_failure_reason", common.downstream_transport_failure_reason());
  line.TextIfAny("connection_termination_details", common.connection_termination_details());
  line.TextIfAny("stream_id", common.stream_id());
  if (common.upstream_request_attempt_count() > 1)
    line.Number("upstream_request_attempt_count", common.upstream_request_attempt_count());
  line.TextIfAny("tls_sni_hostname", common.tls_properties().tls_sni_hostname());
  if (!common.custom_tags().empty()) AddTexts(line, "custom_tags", common.custom_tags());
  AddFilterState(line, common);
}

void AddRequest(JsonLine& line, const logv3::HTTPAccessLogEntry& entry) {
  const logv3::HTTPRequestProperties& request = entry.request();
  line.Text("protocol_version", logv3::HTTPAccessLogEntry::HTTPVersion_Name(entry.protocol_version()));
  line.Text("request_method", ::envoy::config::core::v3::RequestMethod_Name(request.request_method()));
  line.TextIfAny("request_scheme", request.scheme());
  line.TextIfAny("request_authority", request.authority());
  line.Text("request_path", request.path());
  line.Text("request_original_path", request.original_path());
  line.TextIfAny("request_id", request.request_id());
  line.TextIfAny("user_agent", request.user_agent());
  line.TextIfAny("referer", request.referer());
  line.TextIfAny("forwarded_for", request.forwarded_for());
  AddTexts(line, "request_headers", request.request_headers());
  line.Number("request_headers_bytes", request.request_headers_bytes());
  line.Number("request_body_bytes", request.request_body_bytes());
}

void AddResponse(JsonLine& line, const logv3::HTTPResponseProperties& response) {
  line.Number("response_code", response.response_code().value());
  line.TextIfAny("response_code_details", response.response_code_details());
  AddTexts(line, "response_headers", response.response_headers());
  AddTexts(line, "response_trailers", response.response_trailers());
  line.Number("response_headers_bytes", response.response_headers_bytes());
  line.Number("response_body_bytes", response.response_body_bytes());
}

}  // namespace

Sender ReadSender(const StreamAccessLogsMessage_Identifier& identifier) {
  return {Name(identifier.log_name()), Name(identifier.node().id()), Name(identifier.node().cluster())};
}

Measures AppendHttp(const Sender& sender, const logv3::HTTPAccessLogEntry& entry, std::string& out) {
  const logv3::AccessLogCommon& common = entry.common_properties();
  Measures measures;
  measures.response_code = entry.response().response_code().value();
  measures.cluster = common.upstream_cluster();
  measures.method = ::envoy::config::core::v3::RequestMethod_Name(entry.request().request_method());
  if (common.has_time_to_last_downstream_tx_byte())
    measures.downstream_ns = Nanoseconds(common.time_to_last_downstream_tx_byte());
  if (common.has_time_to_last_upstream_rx_byte())
    measures.upstream_ns = Nanoseconds(common.time_to_last_upstream_rx_byte());
  JsonLine line(out);
  AddSender(line, "received http request", sender);
  AddRequest(line, entry);
  AddResponse(line, entry.response());
  line.Text("cluster", common.upstream_cluster());
  AddCommon(line, common);
  AddDuration(line, "downstream_resp_time", measures.downstream_ns.has_value(),
              common.time_to_last_downstream_tx_byte());
  AddDuration(line, "upstream_resp_time", measures.upstream_ns.has_value(), common.time_to_last_upstream_rx_byte());
  line.Text("issuer", Issuer(common));
  line.Text("pod_name", TextField(Metadata(common, "io.solo.transformation"), "pod_name"));
  line.End();
  return measures;
}

void AppendTcp(const Sender& sender, const logv3::TCPAccessLogEntry& entry, std::string& out) {
  const logv3::AccessLogCommon& common = entry.common_properties();
  JsonLine line(out);
  AddSender(line, "received tcp request", sender);
  line.Text("upstream_cluster", common.upstream_cluster());
  line.Number("received_bytes", entry.connection_properties().received_bytes());
  line.Number("sent_bytes", entry.connection_properties().sent_bytes());
  AddCommon(line, common);
  line.End();
}

void AppendStream(const StreamAccessLogsMessage_Identifier& identifier, std::string& out) {
  JsonLine line(out);
  AddSender(line, "access log stream begins", ReadSender(identifier));
  AddOfNode(line, "node_locality", identifier.node().locality());
  AddOfNode(line, "node_metadata", identifier.node().metadata());
  line.End();
}

}  // namespace k8sgw::access_log
