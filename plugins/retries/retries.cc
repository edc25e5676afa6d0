// Requests that are tried again when the upstream fails, on routes and virtual hosts.

#include <google/protobuf/wrappers.pb.h>

#include <limits>

#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.proto.h"
#include "plugins/retries/retries.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/header_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::retries {
namespace {

namespace retriesv1 = ::retries::options::gloo::solo::io;
using ::envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig;
using RetryPolicy = ::envoy::config::route::v3::RetryPolicy;

constexpr uint32_t kDefaultRetries = 1;
constexpr uint32_t kDefaultUpdateFrequency = 1;
constexpr int kDefaultRateLimitedSeconds = 300;

bool Shorter(const google::protobuf::Duration& a, const google::protobuf::Duration& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

void TranslateBackOff(const retriesv1::RetryBackOff& in, envoy::Reporter& report, RetryPolicy& out) {
  if (!in.has_base_interval()) {
    report.Error("retries.retryBackOff", "has no baseInterval", "add baseInterval: 25ms, for example");
    return;
  }
  if (!envoy::CheckDuration(in.base_interval(), 1, "retries.retryBackOff.baseInterval", report)) return;
  *out.mutable_retry_back_off()->mutable_base_interval() = in.base_interval();
  constexpr char kMaxInterval[] = "retries.retryBackOff.maxInterval";
  if (!in.has_max_interval() || !envoy::CheckDuration(in.max_interval(), 1, kMaxInterval, report)) return;
  if (Shorter(in.max_interval(), in.base_interval())) {
    report.Error(kMaxInterval, "is shorter than baseInterval", "make it at least as long");
  }
  *out.mutable_retry_back_off()->mutable_max_interval() = in.max_interval();
}

void TranslatePriority(const retriesv1::RetryPolicy::PreviousPriorities& in, envoy::Reporter& report,
                       RetryPolicy& out) {
  const uint32_t frequency = in.update_frequency().value();
  constexpr uint32_t kMost = std::numeric_limits<int32_t>::max();
  if (frequency > kMost) {
    report.Error("retries.previousPriorities.updateFrequency", "is too large",
                 "use " + std::to_string(kMost) + " or less");
  }
  PreviousPrioritiesConfig config;
  // Envoy does not take 0.
  config.set_update_frequency(static_cast<int32_t>(frequency == 0 ? kDefaultUpdateFrequency : frequency));
  out.mutable_retry_priority()->set_name("envoy.retry_priorities.previous_priorities");
  envoy::PackAny(config, out.mutable_retry_priority()->mutable_typed_config());
}

void TranslateRateLimited(const retriesv1::RateLimitedRetryBackOff& in, envoy::Reporter& report, RetryPolicy& out) {
  const std::string field = "retries.rateLimitedRetryBackOff";
  if (in.reset_headers().empty()) {
    report.Error(field + ".resetHeaders", "is empty", "name a header such as Retry-After");
  }
  auto& back_off = *out.mutable_rate_limited_retry_back_off();
  for (int i = 0; i < in.reset_headers_size(); ++i) {
    const auto& header = in.reset_headers(i);
    if (std::string problem = envoy::CheckHeaderName(header.name()); !problem.empty()) {
      report.Error(field + ".resetHeaders[" + std::to_string(i) + "].name", std::move(problem), envoy::kHeaderNameFix);
    }
    auto& reset = *back_off.add_reset_headers();
    reset.set_name(header.name());
    // The published enum has the numbers of Envoy's.
    reset.set_format(static_cast<RetryPolicy::ResetHeaderFormat>(header.format()));
  }
  back_off.mutable_max_interval()->set_seconds(kDefaultRateLimitedSeconds);
  if (in.has_max_interval() && envoy::CheckDuration(in.max_interval(), 1, field + ".maxInterval", report)) {
    *back_off.mutable_max_interval() = in.max_interval();
  }
}

RetryPolicy Translate(const retriesv1::RetryPolicy& in, envoy::Reporter& report) {
  RetryPolicy out;
  out.set_retry_on(in.retry_on());
  out.mutable_num_retries()->set_value(in.num_retries() == 0 ? kDefaultRetries : in.num_retries());
  if (in.has_per_try_timeout() && envoy::CheckDuration(in.per_try_timeout(), 0, "retries.perTryTimeout", report)) {
    *out.mutable_per_try_timeout() = in.per_try_timeout();
  }
  if (in.has_retry_back_off()) TranslateBackOff(in.retry_back_off(), report, out);
  if (in.has_previous_priorities()) TranslatePriority(in.previous_priorities(), report, out);
  *out.mutable_retriable_status_codes() = in.retriable_status_codes();
  if (in.has_rate_limited_retry_back_off()) {
    TranslateRateLimited(in.rate_limited_retry_back_off(), report, out);
  }
  return out;
}

void VirtualHost(const envoy::VirtualHostArgs& args) {
  if (!args.options.has_retries()) return;
  *args.out.mutable_retry_policy() = Translate(args.options.retries(), args.report);
}

void Route(const envoy::RouteArgs& args) {
  if (!args.options.has_retries() || !args.RequireAction("retries")) return;
  *args.action->mutable_retry_policy() = Translate(args.options.retries(), args.report);
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.VirtualHostOptions.retries",
    "gloo.solo.io.RouteOptions.retries",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "retries",
    .claims = kClaims,
    .virtual_host = VirtualHost,
    .route = Route,
};

}  // namespace k8sgw::plugins::retries
