#include "src/xds_auth/cluster_accounts.h"

#include <utility>

#include "src/sources/kube/credentials.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::xds_auth {
namespace {

ServiceAccountOptions Readers(ServiceAccountOptions options, const std::string& ns) {
  options.readers_of = ns;
  return options;
}

}  // namespace

struct ClusterAccounts::Client {
  Client(kube::Loop& loop, kube::ClientConfig config)
      : credentials(std::move(config), kube::RealEnvironment(), kube::RealExecRunner(), {}),
        http(loop, credentials, {}),
        writer(http) {}

  kube::Credentials credentials;
  kube::HttpClient http;
  kube::Writer writer;
};

ServiceAccounts::Api ClusterAccounts::Api() {
  return {.post = [this](std::function<void()> work) { thread_.loop().Post(std::move(work)); },
          .now = [] { return kube::Loop::Now(); },
          .at = [this](ServiceAccounts::Time when,
                       std::function<void()> what) { thread_.loop().At(when, std::move(what)); },
          .send = [this](kube::WriteRequest request,
                         kube::Writer::Done done) { client_->writer.Send(std::move(request), std::move(done)); }};
}

ClusterAccounts::ClusterAccounts(const ServiceAccountOptions& options, const std::string& ns, kube::ClientConfig config,
                                 const ServiceAccounts::Log& log)
    : accounts_(options, Api(), log), readers_(Readers(options, ns), Api(), log) {
  thread_.Do([this, &config] { client_ = std::make_unique<Client>(thread_.loop(), std::move(config)); });
}

ClusterAccounts::~ClusterAccounts() {
  thread_.Do([this] { client_.reset(); });
}

}  // namespace k8sgw::xds_auth
