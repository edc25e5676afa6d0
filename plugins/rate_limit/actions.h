// What a rate-limit server is asked about a request: users' rateLimits → those of Envoy's virtual hosts and routes.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include "src/envoy/reporter.h"

namespace envoy::config::route::v3 {
class RateLimit;
}
namespace ratelimit::api::solo::io {
class RateLimitActions;
}

namespace k8sgw::plugins::rate_limit {

namespace limitv1 = ::ratelimit::api::solo::io;
namespace routev3 = ::envoy::config::route::v3;

// `report` has the list as its place. Only a filter of this `stage` asks.
void TranslateRateLimits(const google::protobuf::RepeatedPtrField<limitv1::RateLimitActions>& in, uint32_t stage,
                         const envoy::Reporter& report, google::protobuf::RepeatedPtrField<routev3::RateLimit>& out);

}  // namespace k8sgw::plugins::rate_limit
