// ServiceAccounts with a client of the API server, and a thread, of their own.
#pragma once

#include <memory>
#include <string>

#include "src/sources/kube/client_config.h"
#include "src/sources/kube/loop.h"
#include "src/xds_auth/service_accounts.h"

namespace k8sgw::xds_auth {

class ClusterAccounts {
 public:
  // `log` as of ServiceAccounts. Connects when there is somebody to ask about. `ns` is where the Proxies are.
  ClusterAccounts(const ServiceAccountOptions& options, const std::string& ns, kube::ClientConfig config,
                  const ServiceAccounts::Log& log);
  // After Stop, when nobody asks any more.
  ~ClusterAccounts();
  ClusterAccounts(const ClusterAccounts&) = delete;
  ClusterAccounts& operator=(const ClusterAccounts&) = delete;

  // Of proxies, which have roles.
  xds::Authenticator& authenticator() { return accounts_; }
  // Of whoever may read the Proxies.
  xds::Authenticator& readers() { return readers_; }
  void Stop() {
    accounts_.Stop();
    readers_.Stop();
  }

 private:
  // What belongs to the thread.
  struct Client;

  ServiceAccounts::Api Api();

  ServiceAccounts accounts_;
  ServiceAccounts readers_;
  std::unique_ptr<Client> client_;
  // Ends first.
  kube::LoopThread thread_;
};

}  // namespace k8sgw::xds_auth
