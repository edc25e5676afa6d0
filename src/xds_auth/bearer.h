// What a caller shows, before anybody else is asked: cheap, and never a pass.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::xds_auth {

// A token of a ServiceAccount has about 1 KiB.
inline constexpr size_t kMostTokenBytes = 16 << 10;

// The token of `authorization: Bearer TOKEN`. Errors: Unauthenticated, when there is none, or more than one, or what it
// says cannot be the token of a ServiceAccount: three parts of letters, digits, "-" and "_", joined by full stops. So a
// token can stand in JSON as it is. `audience` is for the messages.
absl::StatusOr<std::string> ReadBearer(const std::vector<std::string>& authorization, std::string_view audience);

// For logs and messages: what is not printable is escaped, and what comes after about `most` bytes is cut.
std::string Printable(std::string_view text, size_t most = 128);

}  // namespace k8sgw::xds_auth
