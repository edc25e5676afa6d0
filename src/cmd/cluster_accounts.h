// Who calls xDS, as the API server of a cluster knows them.
#pragma once

#include <memory>

#include "src/cmd/commands.h"
#include "src/sources/kube/client_config.h"
#include "src/xds_auth/cluster_accounts.h"

namespace k8sgw {

// nullptr when everybody may have everything.
std::unique_ptr<xds_auth::ClusterAccounts> MakeClusterAccounts(const XdsAuthOptions& options,
                                                               const kube::ClientConfig& config);

}  // namespace k8sgw
