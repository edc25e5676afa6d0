// Questions to the API server about a token, and its answers.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "src/sources/kube/writer.h"
#include "src/xds_auth/service_account.h"

namespace k8sgw::xds_auth {

// Whether the text can stand in JSON and in a log as it is: printable, without quotes, backslashes and spaces.
bool IsAudience(std::string_view text);

// `token` is one of ReadBearer, `audience` IsAudience.
kube::WriteRequest ReviewRequest(std::string_view token, std::string_view audience);
// Errors: Unauthenticated, with a message for the caller, when the token is not good for the audience, or is not that
// of a ServiceAccount; Unavailable when the answer cannot be read.
absl::StatusOr<Account> ReadReview(const kube::WriteResult& result, std::string_view audience);

// The pod of an account that has one.
kube::WriteRequest PodRequest(const Account& account);
// Its label, "" without one. Errors: Unauthenticated when that pod is gone; Unavailable.
absl::StatusOr<std::string> ReadProxyLabel(const kube::WriteResult& result, const Account& account);

// Whether the account may read the Proxies of a namespace: the right that services about them ask for.
kube::WriteRequest AccessRequest(const Account& account, const std::string& ns);
// Errors: Unavailable.
absl::StatusOr<bool> ReadAccess(const kube::WriteResult& result);

}  // namespace k8sgw::xds_auth
