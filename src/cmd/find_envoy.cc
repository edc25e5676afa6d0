#include "src/cmd/find_envoy.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace k8sgw {
namespace {

std::string FindInPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = path ? path : "";
  while (!rest.empty()) {
    const size_t end = rest.find(':');
    const std::string candidate = rest.substr(0, end) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  return "";
}

}  // namespace

std::string FindEnvoy(const std::string& named) {
  if (named.find('/') != std::string::npos) return named;
  if (!named.empty()) {
    const std::string found = FindInPath(named);
    return found.empty() ? named : found;
  }
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = (self.parent_path() / "envoy").string();
  if (!error && access(beside.c_str(), X_OK) == 0) return beside;
  const std::string found = FindInPath("envoy");
  return found.empty() ? beside : found;
}

}  // namespace k8sgw
