#include "plugins/rate_limit/actions.h"

#include <google/protobuf/wrappers.pb.h>

#include "api/enterprise/ratelimit_api.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/matcher/v3/regex.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "envoy/type/metadata/v3/metadata.proto.h"
#include "envoy/type/v3/range.proto.h"
#include "src/base/text.h"
#include "src/envoy/asked_server.h"
#include "src/envoy/header_check.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::rate_limit {
namespace {

namespace metadatav3 = ::envoy::type::metadata::v3;
using HeaderIn = limitv1::Action::HeaderValueMatch::HeaderMatcher;
using ActionOut = routev3::RateLimit::Action;

constexpr char kKeyFix[] = "write the key that the rate-limit server knows";
constexpr char kValueFix[] = "write the value that the rate-limit server knows";

void Require(const std::string& value, std::string_view field, std::string_view fix, envoy::Reporter& report) {
  if (value.empty()) report.Error(field, "is empty", std::string(fix));
}

// Headers that Envoy has of each request, with their own spelling.
bool IsPseudoHeader(std::string_view name) {
  return name == ":authority" || name == ":method" || name == ":path" || name == ":scheme";
}

void CheckName(const std::string& name, std::string_view field, envoy::Reporter& report) {
  if (IsPseudoHeader(name)) return;
  if (std::string problem = envoy::CheckHeaderName(name); !problem.empty()) {
    report.Error(field, std::move(problem), envoy::kHeaderNameFix);
  }
}

void TranslateHeader(const HeaderIn& in, envoy::Reporter report, routev3::HeaderMatcher& out) {
  CheckName(in.name(), "name", report);
  out.set_name(in.name());
  out.set_invert_match(in.invert_match());
  switch (in.header_match_specifier_case()) {
    case HeaderIn::kExactMatch: out.mutable_string_match()->set_exact(in.exact_match()); break;
    case HeaderIn::kRegexMatch:
      envoy::TranslateRegex("regexMatch", in.regex_match(), report, *out.mutable_string_match()->mutable_safe_regex());
      break;
    case HeaderIn::kRangeMatch:
      if (in.range_match().start() >= in.range_match().end()) {
        report.Error("rangeMatch", "holds no number", "write an end that is greater than start");
      }
      out.mutable_range_match()->set_start(in.range_match().start());
      out.mutable_range_match()->set_end(in.range_match().end());
      break;
    case HeaderIn::kPresentMatch: out.set_present_match(in.present_match()); break;
    case HeaderIn::kPrefixMatch:
      Require(in.prefix_match(), "prefixMatch", "use presentMatch for any value", report);
      out.mutable_string_match()->set_prefix(in.prefix_match());
      break;
    case HeaderIn::kSuffixMatch:
      Require(in.suffix_match(), "suffixMatch", "use presentMatch for any value", report);
      out.mutable_string_match()->set_suffix(in.suffix_match());
      break;
    case HeaderIn::HEADER_MATCH_SPECIFIER_NOT_SET: out.set_present_match(true); break;
  }
}

void TranslateMetadataKey(const limitv1::MetaData::MetadataKey& in, envoy::Reporter report,
                          metadatav3::MetadataKey& out) {
  Require(in.key(), "key", "write the namespace of the metadata, such as envoy.filters.http.jwt_authn", report);
  out.set_key(in.key());
  if (in.path().empty()) report.Error("path", "is empty", "add the steps to the value: [{key: …}]");
  for (int i = 0; i < in.path_size(); ++i) {
    Require(in.path(i).key(), Cat("path[", i, "].key"), "write the name of a field", report);
    out.add_path()->set_key(in.path(i).key());
  }
}

void TranslateMetadata(const limitv1::MetaData& in, envoy::Reporter report, ActionOut::MetaData& out) {
  Require(in.descriptor_key(), "descriptorKey", kKeyFix, report);
  out.set_descriptor_key(in.descriptor_key());
  TranslateMetadataKey(in.metadata_key(), report.At("metadataKey"), *out.mutable_metadata_key());
  out.set_default_value(in.default_value());
  out.set_source(in.source() == limitv1::MetaData::ROUTE_ENTRY ? ActionOut::MetaData::ROUTE_ENTRY
                                                               : ActionOut::MetaData::DYNAMIC);
}

void TranslateHeaderValueMatch(const limitv1::Action::HeaderValueMatch& in, envoy::Reporter report,
                               ActionOut::HeaderValueMatch& out) {
  Require(in.descriptor_value(), "descriptorValue", kValueFix, report);
  out.set_descriptor_value(in.descriptor_value());
  if (in.has_expect_match()) *out.mutable_expect_match() = in.expect_match();
  if (in.headers().empty()) report.Error("headers", "is empty", "add at least one condition");
  for (int i = 0; i < in.headers_size(); ++i) {
    TranslateHeader(in.headers(i), report.At(Cat("headers[", i, "]")), *out.add_headers());
  }
}

void TranslateAction(const limitv1::Action& in, envoy::Reporter report, ActionOut& out) {
  switch (in.action_specifier_case()) {
    case limitv1::Action::kSourceCluster: out.mutable_source_cluster(); break;
    case limitv1::Action::kDestinationCluster: out.mutable_destination_cluster(); break;
    case limitv1::Action::kRequestHeaders: {
      const auto& headers = in.request_headers();
      CheckName(headers.header_name(), "requestHeaders.headerName", report);
      Require(headers.descriptor_key(), "requestHeaders.descriptorKey", kKeyFix, report);
      out.mutable_request_headers()->set_header_name(headers.header_name());
      out.mutable_request_headers()->set_descriptor_key(headers.descriptor_key());
      break;
    }
    case limitv1::Action::kRemoteAddress: out.mutable_remote_address(); break;
    case limitv1::Action::kGenericKey:
      Require(in.generic_key().descriptor_value(), "genericKey.descriptorValue", kValueFix, report);
      out.mutable_generic_key()->set_descriptor_value(in.generic_key().descriptor_value());
      break;
    case limitv1::Action::kHeaderValueMatch:
      TranslateHeaderValueMatch(in.header_value_match(), report.At("headerValueMatch"),
                                *out.mutable_header_value_match());
      break;
    case limitv1::Action::kMetadata:
      TranslateMetadata(in.metadata(), report.At("metadata"), *out.mutable_metadata());
      break;
    case limitv1::Action::kCel:
      report.Error("cel", "is not translated yet, and what it limits must not be unlimited",
                   "use one of the other actions");
      break;
    case limitv1::Action::ACTION_SPECIFIER_NOT_SET:
      report.Error("", "says nothing", "add an action, such as remoteAddress: {}");
      break;
  }
}

void TranslateOne(const limitv1::RateLimitActions& in, uint32_t stage, envoy::Reporter report,
                  routev3::RateLimit& out) {
  out.mutable_stage()->set_value(stage);
  if (!in.set_actions().empty()) envoy::ReportEnterprise("setActions", "use actions", report);
  if (in.type() != limitv1::REQUEST) envoy::ReportEnterprise("type", "remove it: requests are counted", report);
  if (in.actions().empty()) {
    report.Error("actions", "is empty", "add the parts of the descriptor, such as remoteAddress: {}");
  }
  for (int i = 0; i < in.actions_size(); ++i) {
    TranslateAction(in.actions(i), report.At(Cat("actions[", i, "]")), *out.add_actions());
  }
  if (!in.has_limit()) return;
  if (!in.limit().has_dynamic_metadata()) {
    report.Error("limit", "says nothing", "remove it, or add dynamicMetadata");
    return;
  }
  TranslateMetadataKey(in.limit().dynamic_metadata().metadata_key(), report.At("limit.dynamicMetadata.metadataKey"),
                       *out.mutable_limit()->mutable_dynamic_metadata()->mutable_metadata_key());
}

}  // namespace

void TranslateRateLimits(const google::protobuf::RepeatedPtrField<limitv1::RateLimitActions>& in, uint32_t stage,
                         const envoy::Reporter& report, google::protobuf::RepeatedPtrField<routev3::RateLimit>& out) {
  for (int i = 0; i < in.size(); ++i) TranslateOne(in[i], stage, report.At(Cat("[", i, "]")), *out.Add());
}

}  // namespace k8sgw::plugins::rate_limit
