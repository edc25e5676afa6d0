// Material in a Secret of a cluster: type kubernetes.io/tls, with the published keys. The next pair of a rotation
// stands beside them, and the time of the last step in an annotation.
#pragma once

#include <string>

#include "src/certgen/store.h"
#include "src/sources/kube/caller.h"

namespace k8sgw::certgen {

class SecretStore : public Store {
 public:
  // The cluster outlives it.
  SecretStore(kube::Caller& cluster, std::string ns, std::string secret, FileNames names)
      : cluster_(cluster), ns_(std::move(ns)), secret_(std::move(secret)), names_(std::move(names)) {}

  std::string name() const override { return "Secret " + ns_ + "/" + secret_; }
  // Other keys of the Secret are left alone.
  absl::StatusOr<std::optional<Material>> Read() override;
  absl::Status Write(const Material& material) override;

 private:
  kube::Target Target() const { return {{"", "v1", "secrets", ns_}, secret_}; }
  std::string Body(const Material& material) const;

  kube::Caller& cluster_;
  const std::string ns_;
  const std::string secret_;
  const FileNames names_;
  // "" when there is no Secret.
  std::string seen_version_;
};

}  // namespace k8sgw::certgen
