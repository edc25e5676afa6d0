// Where the material is kept: a Secret, or a folder.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "src/certgen/rotation.h"

namespace k8sgw::certgen {

// What the parts are called, as the published flags say.
struct FileNames {
  std::string certificate = "tls.crt";
  std::string key = "tls.key";
  std::string authorities = "ca.crt";
};
inline constexpr char kNextCertificate[] = "next.crt";
inline constexpr char kNextKey[] = "next.key";

class Store {
 public:
  virtual ~Store() = default;
  // For messages: "Secret gloo-system/gateway-validation-certs".
  virtual std::string name() const = 0;
  // nullopt when there is nothing. Errors of the environment name what could not be read.
  virtual absl::StatusOr<std::optional<Material>> Read() = 0;
  // Replaces what Read returned last, as a whole. Aborted when somebody else has written since: then read again.
  virtual absl::Status Write(const Material& material) = 0;
};

}  // namespace k8sgw::certgen
