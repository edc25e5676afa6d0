// Failures and delays on purpose, for a share of the requests of a route.

#include <cmath>

#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"

#include "api/gloo/v1/route_options.pb.h"
#include "plugins/faults/faults.pb.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::faults {
namespace {

namespace faultv3 = ::envoy::extensions::filters::http::fault::v3;
using ::envoy::type::v3::FractionalPercent;

constexpr char kFilter[] = "envoy.filters.http.fault";

void SetShare(float percentage, const std::string& field, envoy::Reporter& report, FractionalPercent& out) {
  if (!(percentage >= 0 && percentage <= 100)) report.Error(field, "is no percentage", "use 0 to 100");
  out.set_denominator(FractionalPercent::MILLION);
  out.set_numerator(static_cast<uint32_t>(std::lround(std::fmin(std::fmax(percentage, 0), 100) * 10'000)));
}

void Route(const envoy::RouteArgs& args) {
  if (!args.options.has_faults()) return;
  const auto& in = args.options.faults();
  faultv3::HTTPFault out;
  if (in.has_abort()) {
    if (in.abort().http_status() < 200 || in.abort().http_status() > 599) {
      args.report.Error("faults.abort.httpStatus", "is " + std::to_string(in.abort().http_status()) + ", which is no status of a response",
                        "use 200 to 599");
    }
    SetShare(in.abort().percentage(), "faults.abort.percentage", args.report, *out.mutable_abort()->mutable_percentage());
    out.mutable_abort()->set_http_status(in.abort().http_status());
  }
  if (in.has_delay()) {
    SetShare(in.delay().percentage(), "faults.delay.percentage", args.report, *out.mutable_delay()->mutable_percentage());
    if (!in.delay().has_fixed_delay()) {
      args.report.Error("faults.delay.fixedDelay", "is missing", "add fixedDelay: 1s, for example");
    } else if (envoy::CheckDuration(in.delay().fixed_delay(), 1, "faults.delay.fixedDelay", args.report)) {
      *out.mutable_delay()->mutable_fixed_delay() = in.delay().fixed_delay();
    }
  }
  args.filters.Set(kFilter, out);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (args.needs.contains(kFilter) || args.KeepUnusedFilters()) {
    args.AddFilter({envoy::Stage::kFault}, kFilter, faultv3::HTTPFault());
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.faults"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "faults", .claims = kClaims, .route = Route, .http_listener = HttpListener};

}  // namespace k8sgw::plugins::faults
