// The settings of an authorization server → the filter that asks it.
#pragma once

#include "src/envoy/context.h"
#include "src/envoy/reporter.h"

namespace enterprise::gloo::solo::io {
class Settings;
}
namespace envoy::extensions::filters::http::ext_authz::v3 {
class ExtAuthz;
}

namespace k8sgw::plugins::ext_auth {

namespace authv1 = ::enterprise::gloo::solo::io;
namespace authv3 = ::envoy::extensions::filters::http::ext_authz::v3;

void TranslateSettings(const envoy::Context& context, const authv1::Settings& in, envoy::Reporter& report,
                       authv3::ExtAuthz& out);

// Asks nobody, and denies every request that would have been asked about.
void DenyAll(authv3::ExtAuthz& out);

}  // namespace k8sgw::plugins::ext_auth
