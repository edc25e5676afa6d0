// Protection against cross-site request forgery: requests that change something must come from an origin that is
// trusted. On listeners, virtual hosts, routes and weighted destinations.

#include "api/envoy/config/core/v3/base.proto.h"
#include "api/envoy/extensions/filters/http/csrf/v3/csrf.proto.h"
#include "api/envoy/type/matcher/v3/regex.proto.h"
#include "api/envoy/type/matcher/v3/string.proto.h"
#include "api/envoy/type/v3/percent.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "api/gloo/v1/weighted_destination_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/csrf/v3/csrf.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "src/envoy/plugin.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::csrf {
namespace {

namespace csrfv1 = ::solo::io::envoy::extensions::filters::http::csrf::v3;
namespace csrfv3 = ::envoy::extensions::filters::http::csrf::v3;
namespace corev1 = ::solo::io::envoy::config::core::v3;
namespace corev3 = ::envoy::config::core::v3;
namespace matcherv1 = ::solo::io::envoy::type::matcher::v3;
namespace matcherv3 = ::envoy::type::matcher::v3;
namespace typev3 = ::envoy::type::v3;

constexpr char kFilter[] = "envoy.filters.http.csrf";

// The default value is always written: Envoy would take 100 % for one that is missing.
void Translate(const corev1::RuntimeFractionalPercent& in, corev3::RuntimeFractionalPercent& out) {
  out.mutable_default_value()->set_numerator(in.default_value().numerator());
  // The published enum has the numbers of Envoy's.
  out.mutable_default_value()->set_denominator(
      static_cast<typev3::FractionalPercent::DenominatorType>(in.default_value().denominator()));
  out.set_runtime_key(in.runtime_key());
}

void Translate(const matcherv1::StringMatcher& in, envoy::Reporter report, matcherv3::StringMatcher& out) {
  out.set_ignore_case(in.ignore_case());
  switch (in.match_pattern_case()) {
    case matcherv1::StringMatcher::kExact: out.set_exact(in.exact()); break;
    case matcherv1::StringMatcher::kPrefix:
      if (in.prefix().empty()) report.Error("prefix", "is empty", "write how trusted origins begin");
      out.set_prefix(in.prefix());
      break;
    case matcherv1::StringMatcher::kSuffix:
      if (in.suffix().empty()) report.Error("suffix", "is empty", "write how trusted origins end");
      out.set_suffix(in.suffix());
      break;
    case matcherv1::StringMatcher::kSafeRegex:
      if (in.ignore_case()) {
        report.Warning("ignoreCase", "has no effect on a regex", "start the regex with (?i)");
        out.set_ignore_case(false);
      }
      envoy::TranslateRegex("safeRegex.regex", in.safe_regex().regex(), report, *out.mutable_safe_regex());
      break;
    case matcherv1::StringMatcher::MATCH_PATTERN_NOT_SET:
      report.Error("", "the matcher says no origin", "add exact, prefix, suffix or safeRegex");
      break;
  }
}

csrfv3::CsrfPolicy Translate(const csrfv1::CsrfPolicy& in, envoy::Reporter report) {
  csrfv3::CsrfPolicy out;
  Translate(in.filter_enabled(), *out.mutable_filter_enabled());
  if (in.has_shadow_enabled()) Translate(in.shadow_enabled(), *out.mutable_shadow_enabled());
  for (int i = 0; i < in.additional_origins_size(); ++i) {
    Translate(in.additional_origins(i), report.At("additionalOrigins[" + std::to_string(i) + "]"),
              *out.add_additional_origins());
  }
  if (!in.has_filter_enabled() && !in.has_shadow_enabled()) {
    report.Warning("", "checks no requests, because filterEnabled is not set",
                   "add filterEnabled: {defaultValue: {numerator: 100}}");
  }
  return out;
}

// The same on virtual hosts, routes and weighted destinations.
template <typename Args>
void PerRoute(const Args& args) {
  if (!args.options.has_csrf()) return;
  args.filters.Set(kFilter, Translate(args.options.csrf(), args.report.At("csrf")));
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (args.options.has_csrf()) {
    args.AddFilter({envoy::Stage::kRoute}, kFilter, Translate(args.options.csrf(), args.report.At("csrf")));
  } else if (args.needs.contains(kFilter) || args.KeepUnusedFilters()) {
    csrfv3::CsrfPolicy off;
    Translate(corev1::RuntimeFractionalPercent(), *off.mutable_filter_enabled());
    args.AddFilter({envoy::Stage::kRoute}, kFilter, off);
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.HttpListenerOptions.csrf",
    "gloo.solo.io.VirtualHostOptions.csrf",
    "gloo.solo.io.RouteOptions.csrf",
    "gloo.solo.io.WeightedDestinationOptions.csrf",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "csrf",
    .claims = kClaims,
    .virtual_host = PerRoute<envoy::VirtualHostArgs>,
    .route = PerRoute<envoy::RouteArgs>,
    .weighted_destination = PerRoute<envoy::WeightedDestinationArgs>,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::csrf
