// Which requests an access log is written for.
#pragma once

#include "src/envoy/reporter.h"

namespace als::options::gloo::solo::io {
class AccessLogFilter;
}
namespace envoy::config::accesslog::v3 {
class AccessLogFilter;
}

namespace k8sgw::plugins::access_log {

void TranslateFilter(const ::als::options::gloo::solo::io::AccessLogFilter& in, envoy::Reporter report,
                     ::envoy::config::accesslog::v3::AccessLogFilter& out);

}  // namespace k8sgw::plugins::access_log
