// Who calls xDS and the services beside it, as the API server of a cluster knows them.
#pragma once

#include <memory>
#include <string>

#include "src/cmd/commands.h"
#include "src/sources/kube/client_config.h"
#include "src/xds_auth/cluster_accounts.h"

namespace k8sgw {

// nullptr when everybody may have everything.
std::unique_ptr<xds_auth::ClusterAccounts> MakeClusterAccounts(const XdsAuthOptions& options, const std::string& ns,
                                                               const kube::ClientConfig& config);
// Who may use the services about Proxies; nullptr for everybody. `accounts` may be nullptr.
xds::Authenticator* ReadersOf(const XdsAuthOptions& options, xds_auth::ClusterAccounts* accounts);

}  // namespace k8sgw
