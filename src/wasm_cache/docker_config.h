// Users and passwords of registries, as `docker login` and Secrets of type kubernetes.io/dockerconfigjson have them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace k8sgw::wasm_cache {

struct Login {
  std::string user;
  std::string password;

  bool empty() const { return user.empty() && password.empty(); }
  bool operator==(const Login&) const = default;
};

// By the registry as references name it ("r.example.com:5000", "docker.io"), perhaps with the beginning of a
// repository behind it.
using Logins = std::map<std::string, Login>;

// Errors: the text is no such configuration; they never show what stands in it.
absl::StatusOr<Logins> ParseDockerConfig(const std::string& json);

// The login for a repository: of the longest key that is the registry, or the registry and the beginning of the
// repository. Empty when there is none.
Login FindLogin(const Logins& logins, std::string_view registry, std::string_view repository);

}  // namespace k8sgw::wasm_cache
