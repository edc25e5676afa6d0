#include "src/cmd/envoy_module.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "absl/strings/str_replace.h"
#include "module/shard.h"
#include "module/versions.h"

namespace k8sgw {

std::string ModuleFolderOf(const std::string& envoy) {
  const char* named = std::getenv(kModuleFolderVariable);
  const std::filesystem::path folder = named && *named ? named : std::filesystem::path(envoy).parent_path();
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(folder, error);
  const std::string module = (whole / ("lib" + std::string(shard::kModuleName) + ".so")).string();
  return !error && !folder.empty() && access(module.c_str(), R_OK) == 0 ? whole.string() : "";
}

std::string ModuleMetadata(const std::string& module_folder) {
  if (module_folder.empty()) return "";
  return ", \"" + std::string(xds::kModuleField) + "\": \"" + shard::kVersion + "\"";
}

bool CanLoadModule(const std::optional<xds::EnvoyVersion>& envoy) {
  return !envoy || module::FitsEnvoy(envoy->major, envoy->minor);
}

std::optional<xds::EnvoyVersion> VersionOfEnvoy(const std::string& envoy) {
  // "…  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
  const std::string command = "exec '" + absl::StrReplaceAll(envoy, {{"'", "'\\''"}}) + "' --version 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> out(popen(command.c_str(), "re"), pclose);
  char text[512];
  while (out && fgets(text, sizeof(text), out.get()) != nullptr) {
    const char* at = std::strstr(text, "version: ");
    xds::EnvoyVersion version;
    if (at && std::sscanf(at, "version: %*[^/]/%u.%u.%u", &version.major, &version.minor, &version.patch) == 3)
      return version;
  }
  return std::nullopt;
}

}  // namespace k8sgw
