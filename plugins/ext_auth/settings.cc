#include "plugins/ext_auth/settings.h"

#include <google/protobuf/wrappers.pb.h>

#include <map>

#include "absl/strings/ascii.h"
#include "api/core/v1/ref.proto.h"
#include "api/enterprise/extauth.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "envoy/config/core/v3/grpc_service.proto.h"
#include "envoy/config/core/v3/http_uri.proto.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.h"
#include "envoy/type/matcher/v3/regex.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "envoy/type/v3/http_status.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "src/base/text.h"
#include "src/envoy/asked_server.h"
#include "src/envoy/header_check.h"
#include "src/envoy/path_check.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::ext_auth {
namespace {

namespace corev3 = ::envoy::config::core::v3;
namespace matcherv3 = ::envoy::type::matcher::v3;
namespace typev3 = ::envoy::type::v3;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr int64_t kDefaultTimeoutMs = 200;
constexpr uint32_t kDefaultBodyBytes = 4096;
// What the filter tells the server of earlier checks, as published.
constexpr char kJwtMetadata[] = "envoy.filters.http.jwt_authn";
// Envoy wants a URI, and then uses the cluster alone.
constexpr char kUnusedUri[] = "http://not-used.example.com/";
constexpr char kNobody[] = "no_authorization_server";

void AddNames(const Names& names, std::string_view field, envoy::Reporter& report, matcherv3::ListStringMatcher& out) {
  for (int i = 0; i < names.size(); ++i) {
    if (std::string problem = envoy::CheckHeaderName(names[i]); !problem.empty()) {
      report.Error(Cat(field, "[", i, "]"), std::move(problem), envoy::kHeaderNameFix);
    }
    // Names of headers are in lower case where they are compared.
    out.add_patterns()->set_exact(absl::AsciiStrToLower(names[i]));
  }
}

void TranslateRequest(const authv1::HttpService::Request& in, envoy::Reporter report, authv3::ExtAuthz& out) {
  auto& allowed = *out.mutable_allowed_headers();
  AddNames(in.allowed_headers(), "allowedHeaders", report, allowed);
  for (int i = 0; i < in.allowed_headers_regex_size(); ++i) {
    envoy::TranslateRegex(Cat("allowedHeadersRegex[", i, "]"), in.allowed_headers_regex(i), report,
                          *allowed.add_patterns()->mutable_safe_regex());
  }
  if (allowed.patterns().empty()) out.clear_allowed_headers();
  const std::map<std::string, std::string> sorted(in.headers_to_add().begin(), in.headers_to_add().end());
  for (const auto& [name, value] : sorted) {
    const std::string field = Cat("headersToAdd[\"", name, "\"]");
    envoy::CheckChangedHeader(name, field, report, "the server gets the path and the host of the request");
    envoy::CheckHeaderFormat(value, field, report);
    auto& header = *out.mutable_http_service()->mutable_authorization_request()->add_headers_to_add();
    header.set_key(name);
    header.set_value(value);
  }
}

void TranslateResponse(const authv1::HttpService::Response& in, envoy::Reporter report,
                       authv3::AuthorizationResponse& out) {
  const auto add = [&](const Names& names, std::string_view field,
                       matcherv3::ListStringMatcher* (*list)(authv3::AuthorizationResponse&)) {
    if (!names.empty()) AddNames(names, field, report, *list(out));
  };
  add(in.allowed_upstream_headers(), "allowedUpstreamHeaders",
      [](authv3::AuthorizationResponse& to) { return to.mutable_allowed_upstream_headers(); });
  add(in.allowed_client_headers(), "allowedClientHeaders",
      [](authv3::AuthorizationResponse& to) { return to.mutable_allowed_client_headers(); });
  add(in.allowed_upstream_headers_to_append(), "allowedUpstreamHeadersToAppend",
      [](authv3::AuthorizationResponse& to) { return to.mutable_allowed_upstream_headers_to_append(); });
}

void TranslateHttp(const authv1::HttpService& in, envoy::Reporter report, authv3::ExtAuthz& out) {
  auto& http = *out.mutable_http_service();
  if (const std::string& prefix = in.path_prefix(); !prefix.empty()) {
    std::string problem = prefix.front() == '/' ? envoy::CheckPath(prefix) : "does not begin with \"/\"";
    if (!problem.empty()) report.Error("pathPrefix", std::move(problem), "write a path such as /check");
    http.set_path_prefix(prefix);
  }
  if (in.has_request()) TranslateRequest(in.request(), report.At("request"), out);
  if (in.has_response())
    TranslateResponse(in.response(), report.At("response"), *http.mutable_authorization_response());
}

void SetStatus(uint32_t status, envoy::Reporter& report, typev3::HttpStatus& out) {
  const int code = static_cast<int>(status);
  if (status > 599 || !typev3::StatusCode_IsValid(code)) {
    report.Error("statusOnError", Cat("is ", status, ", which is no status that Envoy knows"),
                 "use one such as 403, 500 or 503");
    return;
  }
  out.set_code(static_cast<typev3::StatusCode>(code));
}

}  // namespace

void TranslateSettings(const envoy::Context& context, const authv1::Settings& in, envoy::Reporter& report,
                       authv3::ExtAuthz& out) {
  const auto timeout = envoy::AskedTimeout(in.request_timeout(), in.has_request_timeout(), kDefaultTimeoutMs, report);
  const bool http = in.has_http_service();
  const std::string cluster =
      envoy::AskedCluster(context, in.extauthz_server_ref(), http ? envoy::AskedBy::kHttp : envoy::AskedBy::kGrpc,
                          "extauthzServerRef", report);
  if (http) {
    auto& uri = *out.mutable_http_service()->mutable_server_uri();
    uri.set_uri(kUnusedUri);
    uri.set_cluster(cluster);
    *uri.mutable_timeout() = timeout;
    TranslateHttp(in.http_service(), report.At("httpService"), out);
    if (!in.user_id_header().empty()) {
      out.mutable_http_service()
          ->mutable_authorization_response()
          ->mutable_allowed_upstream_headers()
          ->add_patterns()
          ->set_exact(absl::AsciiStrToLower(in.user_id_header()));
    }
  } else {
    envoy::SetGrpcServer(cluster, in.grpc_service().authority(), report, *out.mutable_grpc_service());
    *out.mutable_grpc_service()->mutable_timeout() = timeout;
  }
  out.set_transport_api_version(corev3::V3);
  out.add_metadata_context_namespaces(kJwtMetadata);
  out.set_failure_mode_allow(in.failure_mode_allow());
  out.set_clear_route_cache(in.clear_route_cache());
  out.set_stat_prefix(in.stat_prefix());
  if (in.has_request_body()) {
    auto& body = *out.mutable_with_request_body();
    const uint32_t most = in.request_body().max_request_bytes();
    body.set_max_request_bytes(most == 0 ? kDefaultBodyBytes : most);
    body.set_allow_partial_message(in.request_body().allow_partial_message());
    body.set_pack_as_bytes(in.request_body().pack_as_bytes());
  }
  if (in.status_on_error() != 0) SetStatus(in.status_on_error(), report, *out.mutable_status_on_error());
}

void DenyAll(authv3::ExtAuthz& out) {
  auto& uri = *out.mutable_http_service()->mutable_server_uri();
  uri.set_uri(kUnusedUri);
  uri.set_cluster(kNobody);
  uri.mutable_timeout()->set_seconds(1);
  out.set_transport_api_version(corev3::V3);
  out.mutable_filter_enabled()->mutable_default_value()->set_numerator(0);
  out.mutable_deny_at_disable()->mutable_default_value()->set_value(true);
  // Required, though nobody sets it.
  out.mutable_deny_at_disable()->set_runtime_key("k8sgateway.ext_auth.deny");
}

}  // namespace k8sgw::plugins::ext_auth
