// DiscoveryRequest and DiscoveryResponse as JSON.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "src/xds/engine.h"

namespace k8sgw::xds_rest {

// `padded` is the body, with yaml::kJsonPadding readable bytes behind it. Hostile. Errors: InvalidArgument, with what
// is wrong and where.
absl::StatusOr<xds::Request> ReadRequest(std::string_view padded);

// Messages within messages are written out with their "@type".
std::string WriteResponse(const xds::Response& response);

}  // namespace k8sgw::xds_rest
