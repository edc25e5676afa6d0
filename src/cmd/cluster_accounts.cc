#include "src/cmd/cluster_accounts.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>
#include <utility>

namespace k8sgw {

std::unique_ptr<xds_auth::ClusterAccounts> MakeClusterAccounts(const XdsAuthOptions& options, const std::string& ns,
                                                               const kube::ClientConfig& config) {
  if (options.mode != kServiceAccountAuth) return nullptr;
  xds_auth::ServiceAccountOptions accounts;
  accounts.audience = options.audience;
  accounts.grants = xds_auth::ParseGrants(options.allow).value_or(xds_auth::Grants());
  accounts.recheck = std::chrono::seconds(options.recheck_seconds);
  return std::make_unique<xds_auth::ClusterAccounts>(accounts, ns, config, [](const std::string& what, bool is_error) {
    is_error ? spdlog::error("xDS: {}", what) : spdlog::info("xDS: {}", what);
  });
}

xds::Authenticator* ReadersOf(const XdsAuthOptions& options, xds_auth::ClusterAccounts* accounts) {
  return accounts && !options.open_services ? &accounts->readers() : nullptr;
}

}  // namespace k8sgw
