// Files and variables for tests.
#pragma once

#include <map>
#include <string>

#include "src/sources/kube/client_config.h"

namespace k8sgw::kube::testing {

struct TestEnvironment {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  int reads = 0;

  Environment Get() {
    return {
        .variable =
            [this](const std::string& name) {
              const auto it = variables.find(name);
              return it == variables.end() ? std::string() : it->second;
            },
        .read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
          ++reads;
          const auto it = files.find(path);
          if (it == files.end()) return absl::NotFoundError(path + ": No such file or directory");
          return it->second;
        },
    };
  }
};

}  // namespace k8sgw::kube::testing
