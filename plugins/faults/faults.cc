// Failures and delays on purpose, for a share of the requests of a route.

#include <cmath>

#include "api/gloo/v1/route_options.proto.h"
#include "envoy/extensions/filters/common/fault/v3/fault.proto.h"
#include "envoy/extensions/filters/http/fault/v3/fault.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "plugins/faults/faults.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::faults {
namespace {

namespace faultv1 = ::fault::options::gloo::solo::io;
namespace delayv3 = ::envoy::extensions::filters::common::fault::v3;
namespace faultv3 = ::envoy::extensions::filters::http::fault::v3;
using ::envoy::type::v3::FractionalPercent;

constexpr char kFilter[] = "envoy.filters.http.fault";
// As published; Envoy itself would take less.
constexpr int64_t kShortestDelayMs = 1000;

void SetShare(float percentage, const std::string& field, envoy::Reporter& report, FractionalPercent& out) {
  if (!(percentage >= 0 && percentage <= 100)) report.Error(field, "is no percentage", "use 0 to 100");
  out.set_denominator(FractionalPercent::MILLION);
  out.set_numerator(static_cast<uint32_t>(std::lround(std::fmin(std::fmax(percentage, 0), 100) * 10'000)));
}

void TranslateAbort(const faultv1::RouteAbort& in, envoy::Reporter& report, faultv3::FaultAbort& out) {
  if (in.http_status() < 200 || in.http_status() > 599) {
    report.Error("faults.abort.httpStatus",
                 "is " + std::to_string(in.http_status()) + ", which is no status of a response", "use 200 to 599");
  }
  out.set_http_status(in.http_status());
  SetShare(in.percentage(), "faults.abort.percentage", report, *out.mutable_percentage());
}

void TranslateDelay(const faultv1::RouteDelay& in, envoy::Reporter& report, delayv3::FaultDelay& out) {
  if (!in.has_fixed_delay()) {
    report.Error("faults.delay.fixedDelay", "is missing", "add fixedDelay: 1s, for example");
  } else if (envoy::CheckDuration(in.fixed_delay(), kShortestDelayMs, "faults.delay.fixedDelay", report)) {
    *out.mutable_fixed_delay() = in.fixed_delay();
  }
  SetShare(in.percentage(), "faults.delay.percentage", report, *out.mutable_percentage());
}

void Route(const envoy::RouteArgs& args) {
  const auto& in = args.options.faults();
  if (!in.has_abort() && !in.has_delay()) return;
  faultv3::HTTPFault out;
  if (in.has_abort()) TranslateAbort(in.abort(), args.report, *out.mutable_abort());
  if (in.has_delay()) TranslateDelay(in.delay(), args.report, *out.mutable_delay());
  args.filters.Set(kFilter, out);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (args.needs.contains(kFilter) || args.KeepUnusedFilters()) {
    args.AddFilter({envoy::Stage::kFault}, kFilter, faultv3::HTTPFault());
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.faults"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "faults",
    .claims = kClaims,
    .route = Route,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::faults
