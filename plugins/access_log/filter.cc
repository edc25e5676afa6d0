#include "plugins/access_log/filter.h"

#include <algorithm>

#include "api/envoy/config/core/v3/base.proto.h"
#include "api/envoy/config/route/v3/route_components.proto.h"
#include "api/envoy/type/matcher/v3/regex.proto.h"
#include "api/envoy/type/v3/percent.proto.h"
#include "api/envoy/type/v3/range.proto.h"
#include "envoy/config/accesslog/v3/accesslog.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "envoy/type/v3/range.proto.h"
#include "plugins/access_log/access_log.proto.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::access_log {
namespace {

namespace alsv1 = ::als::options::gloo::solo::io;
namespace logv3 = ::envoy::config::accesslog::v3;
namespace routev1 = ::solo::io::envoy::config::route::v3;
namespace routev3 = ::envoy::config::route::v3;
namespace typev3 = ::envoy::type::v3;

// The letters that %RESPONSE_FLAGS% shows.
constexpr std::string_view kResponseFlags[] = {
    "DC",   "DF", "DI",   "DO", "DPE",  "DR", "DT",  "FI", "IH", "LH",    "LR", "NC",  "NFCF", "NR",  "OM",
    "RFCF", "RL", "RLSE", "SI", "UAEX", "UC", "UDO", "UF", "UH", "UMSDR", "UO", "UPE", "UR",   "URX", "UT",
};

void Translate(const alsv1::ComparisonFilter& in, envoy::Reporter report, logv3::ComparisonFilter& out) {
  if (!in.has_value()) report.Error("value", "is missing", "add value: {defaultValue: …, runtimeKey: …}");
  // The published enums have the numbers of Envoy's.
  out.set_op(static_cast<logv3::ComparisonFilter::Op>(in.op()));
  out.mutable_value()->set_default_value(in.value().default_value());
  out.mutable_value()->set_runtime_key(in.value().runtime_key());
}

void Translate(const alsv1::RuntimeFilter& in, envoy::Reporter report, logv3::RuntimeFilter& out) {
  if (in.runtime_key().empty()) report.Error("runtimeKey", "is missing", "write the name of a runtime value of Envoy");
  out.set_runtime_key(in.runtime_key());
  if (in.has_percent_sampled()) {
    out.mutable_percent_sampled()->set_numerator(in.percent_sampled().numerator());
    out.mutable_percent_sampled()->set_denominator(
        static_cast<typev3::FractionalPercent::DenominatorType>(in.percent_sampled().denominator()));
  }
  out.set_use_independent_randomness(in.use_independent_randomness());
}

void Translate(const routev1::HeaderMatcher& in, envoy::Reporter report, routev3::HeaderMatcher& out) {
  if (in.name().empty()) report.Error("name", "is missing", "write the name of the header");
  out.set_name(in.name());
  out.set_invert_match(in.invert_match());
  switch (in.header_match_specifier_case()) {
    case routev1::HeaderMatcher::kExactMatch: out.mutable_string_match()->set_exact(in.exact_match()); break;
    case routev1::HeaderMatcher::kPrefixMatch:
      if (in.prefix_match().empty()) report.Error("prefixMatch", "is empty", "use presentMatch: true for any value");
      out.mutable_string_match()->set_prefix(in.prefix_match());
      break;
    case routev1::HeaderMatcher::kSuffixMatch:
      if (in.suffix_match().empty()) report.Error("suffixMatch", "is empty", "use presentMatch: true for any value");
      out.mutable_string_match()->set_suffix(in.suffix_match());
      break;
    case routev1::HeaderMatcher::kSafeRegexMatch: {
      const std::string& regex = in.safe_regex_match().regex();
      if (regex.empty()) report.Error("safeRegexMatch.regex", "is empty", "write a regex that values match as a whole");
      envoy::TranslateRegex("safeRegexMatch.regex", regex, report, *out.mutable_string_match()->mutable_safe_regex());
      break;
    }
    case routev1::HeaderMatcher::kRangeMatch:
      out.mutable_range_match()->set_start(in.range_match().start());
      out.mutable_range_match()->set_end(in.range_match().end());
      break;
    case routev1::HeaderMatcher::kPresentMatch: out.set_present_match(in.present_match()); break;
    case routev1::HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET: break;
  }
}

void Translate(const alsv1::ResponseFlagFilter& in, envoy::Reporter report, logv3::ResponseFlagFilter& out) {
  for (int i = 0; i < in.flags_size(); ++i) {
    if (std::ranges::find(kResponseFlags, in.flags(i)) == std::end(kResponseFlags)) {
      report.Error("flags[" + std::to_string(i) + "]", "\"" + in.flags(i) + "\" is no response flag of Envoy",
                   "use flags such as UH, UF or NR, as %RESPONSE_FLAGS% shows them");
    }
  }
  *out.mutable_flags() = in.flags();
}

template <typename In, typename Out>
void TranslateAll(const In& in, envoy::Reporter report, Out& out) {
  if (in.filters_size() < 2) {
    report.Error("filters", "needs at least 2 filters", "add another, or use the one without andFilter or orFilter");
  }
  for (int i = 0; i < in.filters_size(); ++i) {
    TranslateFilter(in.filters(i), report.At("filters[" + std::to_string(i) + "]"), *out.add_filters());
  }
}

}  // namespace

void TranslateFilter(const alsv1::AccessLogFilter& in, envoy::Reporter report, logv3::AccessLogFilter& out) {
  switch (in.filter_specifier_case()) {
    case alsv1::AccessLogFilter::kStatusCodeFilter:
      Translate(in.status_code_filter().comparison(), report.At("statusCodeFilter.comparison"),
                *out.mutable_status_code_filter()->mutable_comparison());
      break;
    case alsv1::AccessLogFilter::kDurationFilter:
      Translate(in.duration_filter().comparison(), report.At("durationFilter.comparison"),
                *out.mutable_duration_filter()->mutable_comparison());
      break;
    case alsv1::AccessLogFilter::kNotHealthCheckFilter: out.mutable_not_health_check_filter(); break;
    case alsv1::AccessLogFilter::kTraceableFilter: out.mutable_traceable_filter(); break;
    case alsv1::AccessLogFilter::kRuntimeFilter:
      Translate(in.runtime_filter(), report.At("runtimeFilter"), *out.mutable_runtime_filter());
      break;
    case alsv1::AccessLogFilter::kAndFilter:
      TranslateAll(in.and_filter(), report.At("andFilter"), *out.mutable_and_filter());
      break;
    case alsv1::AccessLogFilter::kOrFilter:
      TranslateAll(in.or_filter(), report.At("orFilter"), *out.mutable_or_filter());
      break;
    case alsv1::AccessLogFilter::kHeaderFilter:
      Translate(in.header_filter().header(), report.At("headerFilter.header"),
                *out.mutable_header_filter()->mutable_header());
      break;
    case alsv1::AccessLogFilter::kResponseFlagFilter:
      Translate(in.response_flag_filter(), report.At("responseFlagFilter"), *out.mutable_response_flag_filter());
      break;
    case alsv1::AccessLogFilter::kGrpcStatusFilter:
      for (const int status : in.grpc_status_filter().statuses()) {
        out.mutable_grpc_status_filter()->add_statuses(static_cast<logv3::GrpcStatusFilter::Status>(status));
      }
      out.mutable_grpc_status_filter()->set_exclude(in.grpc_status_filter().exclude());
      break;
    case alsv1::AccessLogFilter::FILTER_SPECIFIER_NOT_SET:
      report.Error("", "the filter has no condition", "remove it, or add one such as statusCodeFilter");
      break;
  }
}

}  // namespace k8sgw::plugins::access_log
