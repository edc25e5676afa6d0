#include "src/cmd/envoy_module.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "module/shard.h"
#include "module/versions.h"
#include "src/xds/engine.h"

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

bool CanLoadModule(const xds::Request& first) {
  return !first.envoy || module::FitsEnvoy(first.envoy->major, first.envoy->minor);
}

}  // namespace k8sgw
