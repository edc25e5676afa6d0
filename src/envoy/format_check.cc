#include "src/envoy/format_check.h"

#include <algorithm>
#include <optional>
#include <span>

namespace k8sgw::envoy {
namespace {

// The operators of Envoy 1.40.

// Neither parameters nor a length.
constexpr std::string_view kPlain[] = {
    "ACCESS_LOG_TYPE",
    "BYTES_RECEIVED",
    "BYTES_RETRANSMITTED",
    "BYTES_SENT",
    "CONNECTION_ID",
    "CONNECTION_TERMINATION_DETAILS",
    "CUSTOM_FLAGS",
    "DOWNSTREAM_CX_RTT",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "DOWNSTREAM_DETECTED_CLOSE_TYPE",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID",
    "DOWNSTREAM_DIRECT_LOCAL_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
    "DOWNSTREAM_DIRECT_REMOTE_PORT",
    "DOWNSTREAM_HANDSHAKE_DURATION",
    "DOWNSTREAM_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_HEADER_BYTES_SENT",
    "DOWNSTREAM_LOCAL_ADDRESS",
    "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID",
    "DOWNSTREAM_LOCAL_CLOSE_REASON",
    "DOWNSTREAM_LOCAL_DNS_SAN",
    "DOWNSTREAM_LOCAL_EMAIL_SAN",
    "DOWNSTREAM_LOCAL_IP_SAN",
    "DOWNSTREAM_LOCAL_OTHERNAME_SAN",
    "DOWNSTREAM_LOCAL_PORT",
    "DOWNSTREAM_LOCAL_SUBJECT",
    "DOWNSTREAM_LOCAL_URI_SAN",
    "DOWNSTREAM_PEER_CERT",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_PEER_CHAIN_SERIALS",
    "DOWNSTREAM_PEER_DNS_SAN",
    "DOWNSTREAM_PEER_EMAIL_SAN",
    "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_PEER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_IP_SAN",
    "DOWNSTREAM_PEER_ISSUER",
    "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_ISSUER_SERIAL",
    "DOWNSTREAM_PEER_OTHERNAME_SAN",
    "DOWNSTREAM_PEER_SERIAL",
    "DOWNSTREAM_PEER_SUBJECT",
    "DOWNSTREAM_PEER_URI_SAN",
    "DOWNSTREAM_REMOTE_ADDRESS",
    "DOWNSTREAM_REMOTE_PORT",
    "DOWNSTREAM_TLS_CIPHER",
    "DOWNSTREAM_TLS_GROUP",
    "DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_TLS_VERSION",
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    "DOWNSTREAM_WIRE_BYTES_RECEIVED",
    "DOWNSTREAM_WIRE_BYTES_SENT",
    "DURATION",
    "FILTER_CHAIN_NAME",
    "GRPC_STATUS_NUMBER",
    "HOSTNAME",
    "LISTENER_NAME",
    "LOCAL_REPLY_BODY",
    "PACKETS_RETRANSMITTED",
    "PROTOCOL",
    "REQUESTED_SERVER_NAME",
    "REQUEST_DURATION",
    "REQUEST_HEADERS_BYTES",
    "REQUEST_TX_DURATION",
    "RESPONSE_CODE",
    "RESPONSE_DURATION",
    "RESPONSE_FLAGS",
    "RESPONSE_FLAGS_LONG",
    "RESPONSE_HEADERS_BYTES",
    "RESPONSE_TRAILERS_BYTES",
    "RESPONSE_TX_DURATION",
    "ROUNDTRIP_DURATION",
    "ROUTE_NAME",
    "ROUTE_RESOLUTION_COUNT",
    "ROUTE_RESOLUTION_TIME_US",
    "SPAN_ID",
    "STREAM_ID",
    "TLS_JA3_FINGERPRINT",
    "TLS_JA4_FINGERPRINT",
    "TRACE_ID",
    "UNIQUE_ID",
    "UPSTREAM_CLUSTER",
    "UPSTREAM_CLUSTER_RAW",
    "UPSTREAM_CONNECTION_ID",
    "UPSTREAM_CONNECTION_IDS_ATTEMPTED",
    "UPSTREAM_CONNECTION_POOL_READY_DURATION",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "UPSTREAM_DETECTED_CLOSE_TYPE",
    "UPSTREAM_HEADER_BYTES_RECEIVED",
    "UPSTREAM_HEADER_BYTES_SENT",
    "UPSTREAM_HOST",
    "UPSTREAM_HOSTS_ATTEMPTED",
    "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT",
    "UPSTREAM_HOST_NAME",
    "UPSTREAM_HOST_NAMES_ATTEMPTED",
    "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT",
    "UPSTREAM_HOST_NAME_WITHOUT_PORT",
    "UPSTREAM_LOCAL_ADDRESS",
    "UPSTREAM_LOCAL_CLOSE_REASON",
    "UPSTREAM_LOCAL_DNS_SAN",
    "UPSTREAM_LOCAL_IP_SAN",
    "UPSTREAM_LOCAL_PORT",
    "UPSTREAM_LOCAL_URI_SAN",
    "UPSTREAM_PEER_CERT",
    "UPSTREAM_PEER_DNS_SAN",
    "UPSTREAM_PEER_IP_SAN",
    "UPSTREAM_PEER_ISSUER",
    "UPSTREAM_PEER_SUBJECT",
    "UPSTREAM_PEER_URI_SAN",
    "UPSTREAM_PROTOCOL",
    "UPSTREAM_REMOTE_ADDRESS",
    "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID",
    "UPSTREAM_REMOTE_PORT",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT",
    "UPSTREAM_SERVER_NAME",
    "UPSTREAM_TLS_CIPHER",
    "UPSTREAM_TLS_GROUP",
    "UPSTREAM_TLS_SESSION_ID",
    "UPSTREAM_TLS_VERSION",
    "UPSTREAM_TRANSPORT_FAILURE_REASON",
    "UPSTREAM_WIRE_BYTES_RECEIVED",
    "UPSTREAM_WIRE_BYTES_SENT",
    "VIRTUAL_CLUSTER_NAME",
};
// Parameters may follow; no length.
constexpr std::string_view kWithOptionalParameters[] = {
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_PEER_CERT_V_END",
    "DOWNSTREAM_PEER_CERT_V_START",
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "EMIT_TIME",
    "EMIT_TIME_LOCAL",
    "GRPC_STATUS",
    "RESPONSE_CODE_DETAILS",
    "START_TIME",
    "START_TIME_LOCAL",
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "UPSTREAM_PEER_CERT_V_END",
    "UPSTREAM_PEER_CERT_V_START",
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
};
// Parameters and a length may follow.
constexpr std::string_view kWithOptionalParametersAndLength[] = {
    "PATH",
    "QUERY_PARAMS",
};
// Parameters must follow; no length.
constexpr std::string_view kWithParameters[] = {
    "CLUSTER_METADATA",
    "COMMON_DURATION",
    "UPSTREAM_METADATA",
};
// Parameters must follow, and a length may.
constexpr std::string_view kWithParametersAndLength[] = {
    "CEL",
    "COALESCE",
    "DYNAMIC_METADATA",
    "ENVIRONMENT",
    "FILTER_STATE",
    "METADATA",
    "QUERY_PARAM",
    "REQ",
    "REQUEST_HEADER",
    "REQ_WITHOUT_QUERY",
    "RESP",
    "RESPONSE_HEADER",
    "RESPONSE_TRAILER",
    "STREAM_INFO_REQ",
    "TRAILER",
    "TYPED_CEL",
    "UPSTREAM_FILTER_STATE",
};

enum class Parameters { kNone, kOptional, kRequired };

struct Operator {
  Parameters parameters;
  bool length;
};

std::optional<Operator> Find(std::string_view name) {
  const auto in = [&](std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (in(kPlain)) return Operator{Parameters::kNone, false};
  if (in(kWithOptionalParameters)) return Operator{Parameters::kOptional, false};
  if (in(kWithOptionalParametersAndLength)) return Operator{Parameters::kOptional, true};
  if (in(kWithParameters)) return Operator{Parameters::kRequired, false};
  if (in(kWithParametersAndLength)) return Operator{Parameters::kRequired, true};
  return std::nullopt;
}

bool IsNameCharacter(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// One operator with its percent signs: %NAME%, %NAME(parameters)%, %NAME:length%, %NAME(parameters):length%.
struct Token {
  std::string_view name;
  std::string_view parameters;
  bool has_length = false;
  // Where the text goes on; 0 when there is no operator at this place.
  size_t end = 0;
};

// Reads `%` or `:length%` at `at` and completes the token.
bool ReadEnd(std::string_view text, size_t at, Token& token) {
  size_t end = at;
  if (end < text.size() && text[end] == ':') {
    const size_t digits = ++end;
    while (end < text.size() && IsDigit(text[end])) ++end;
    if (end == digits) return false;
    token.has_length = true;
  }
  if (end >= text.size() || text[end] != '%') {
    token.has_length = false;
    return false;
  }
  token.end = end + 1;
  return true;
}

// `text[begin]` is a percent sign.
Token Read(std::string_view text, size_t begin) {
  Token token;
  size_t at = begin + 1;
  while (at < text.size() && IsNameCharacter(text[at])) ++at;
  token.name = text.substr(begin + 1, at - begin - 1);
  if (token.name.empty() || ReadEnd(text, at, token) || at >= text.size() || text[at] != '(') return token;
  // Parameters may hold parentheses: they last up to the first one that the operator can end after.
  for (size_t close = text.find(')', at); close != std::string_view::npos; close = text.find(')', close + 1)) {
    if (!ReadEnd(text, close + 1, token)) continue;
    token.parameters = text.substr(at + 1, close - at - 1);
    return token;
  }
  return token;
}

bool NamesHeaders(std::string_view op) {
  static constexpr std::string_view kOperators[] = {
      "REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY", "RESP", "RESPONSE_HEADER", "RESPONSE_TRAILER", "TRAILER"};
  return std::find(std::begin(kOperators), std::end(kOperators), op) != std::end(kOperators);
}

// "X" or "X?Y": Y stands in when X is missing.
std::string CheckHeaderNames(std::string_view parameters) {
  if (std::count(parameters.begin(), parameters.end(), '?') > 1) return "names more than two headers";
  const bool fine = std::all_of(parameters.begin(), parameters.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("\"(),/;<=>@[\\]{}").find(c) == std::string_view::npos;
  });
  return fine ? "" : "names a header with characters that are not allowed in names";
}

std::string CheckToken(const Token& token) {
  const std::optional<Operator> op = Find(token.name);
  if (!op) return "is no operator that Envoy knows";
  if (op->parameters == Parameters::kNone && !token.parameters.empty()) return "takes no parameters";
  if (op->parameters == Parameters::kRequired && token.parameters.empty()) return "needs parameters in parentheses";
  if (!op->length && token.has_length) return "takes no length";
  return NamesHeaders(token.name) ? CheckHeaderNames(token.parameters) : "";
}

// Calls `visit` for each operator with its place, until it returns false; the place of a percent sign that begins no
// operator, if there is one.
template <typename Visit>
std::optional<size_t> ForEachOperator(std::string_view format, const Visit& visit) {
  for (size_t at = format.find('%'); at != std::string_view::npos;) {
    if (format.substr(at, 2) == "%%") {
      at = format.find('%', at + 2);
      continue;
    }
    const Token token = Read(format, at);
    if (token.end == 0) return at;
    if (!visit(token, at)) return std::nullopt;
    at = format.find('%', token.end);
  }
  return std::nullopt;
}

}  // namespace

std::string CheckFormat(std::string_view format) {
  std::string problem;
  const auto place = [](size_t at) { return "at character " + std::to_string(at + 1) + " of the format: "; };
  const auto broken = ForEachOperator(format, [&](const Token& token, size_t at) {
    problem = CheckToken(token);
    if (!problem.empty()) problem = place(at) + "%" + std::string(token.name) + "% " + problem;
    return problem.empty();
  });
  if (!broken) return problem;
  constexpr size_t kShown = 30;
  std::string shown(format.substr(*broken, kShown));
  if (format.size() - *broken > kShown) shown += "…";
  return place(*broken) + "\"" + shown + "\" begins no operator such as %PROTOCOL% or %REQ(:PATH)%";
}

bool UsesOperator(std::string_view format, std::string_view name) {
  bool found = false;
  ForEachOperator(format, [&](const Token& token, size_t) {
    found = token.name == name;
    return !found;
  });
  return found;
}

}  // namespace k8sgw::envoy
