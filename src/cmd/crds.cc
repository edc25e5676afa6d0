// crds: the custom resource definitions, for kubectl or into a folder.

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "src/cmd/commands.h"
#include "src/crds/crd.h"

namespace k8sgw {
namespace {

bool Write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (file) return true;
  std::cerr << "crds: " << path.string() << " cannot be written: " << std::strerror(errno) << "\n";
  return false;
}

}  // namespace

int Crds(const CrdsOptions& options) {
  const crds::CrdOptions how{.descriptions = !options.no_descriptions};
  if (options.directory.empty()) {
    for (const CustomResource& resource : AllCustomResources()) std::cout << "---\n" << crds::CrdFile(resource, how);
    return std::cout.flush() ? 0 : 1;
  }
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) {
    std::cerr << "crds: the folder " << options.directory << " cannot be made: " << error.message() << "\n";
    return 1;
  }
  for (const CustomResource& resource : AllCustomResources()) {
    const std::filesystem::path path = std::filesystem::path(options.directory) / (crds::CrdName(resource) + ".yaml");
    if (!Write(path, crds::CrdFile(resource, how))) return 1;
  }
  return 0;
}

}  // namespace k8sgw
