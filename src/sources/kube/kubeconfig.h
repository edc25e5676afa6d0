// Reads kubeconfig files and the service account of a pod. The rules are kubectl's: of several files the first that
// defines a name counts, paths are relative to the file that they stand in, inline data counts before files.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "src/sources/kube/client_config.h"

namespace k8sgw::kube {

inline constexpr char kServiceAccountFolder[] = "/var/run/secrets/kubernetes.io/serviceaccount";
inline constexpr size_t kMaxKubeconfigBytes = 8 << 20;

// `paths` is what KUBECONFIG holds: files separated by colons. Those that do not exist are skipped, but one must.
// `context` "" means the current context. Errors name the file, the entry and the field.
absl::StatusOr<ClientConfig> LoadKubeconfig(const Environment& environment, const std::string& paths,
                                            const std::string& context);

// The configuration of a pod, out of its environment and `kServiceAccountFolder`.
absl::StatusOr<ClientConfig> LoadInCluster(const Environment& environment);

struct ConfigChoice {
  // Given on the command line; "" means not.
  std::string kubeconfig;
  std::string context;
};

// The first of these that is there: the chosen file, KUBECONFIG, the service account, ~/.kube/config. A chosen context
// means that the service account is not asked.
absl::StatusOr<ClientConfig> LoadClientConfig(const Environment& environment, const ConfigChoice& choice);

}  // namespace k8sgw::kube
