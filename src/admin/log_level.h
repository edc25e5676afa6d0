// `/logging`, as published: {"level":"info"}, read and written.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "src/http/message.h"

namespace k8sgw::admin {

// The level that a request asks for: {"level":"debug"}, or level=debug as a form or a query. One of debug, info, warn,
// error, dpanic, panic, fatal. Errors: InvalidArgument.
absl::StatusOr<std::string> ReadLevel(const http::Request& request);

std::string WriteLevel(const std::string& level);

}  // namespace k8sgw::admin
