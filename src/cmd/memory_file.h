// A file that nobody else can open, as an Envoy's bootstrap: it may have secrets, and be longer than an argument.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw {

class MemoryFile {
 public:
  // The tree as JSON, which Envoy reads from a file whose name ends with nothing.
  // Errors: no memory, no more files to open.
  static absl::StatusOr<std::unique_ptr<MemoryFile>> Make(const yaml::Node& tree);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // To be kept open in the child, where Path() is the file, as often as it is started.
  int fd() const { return fd_; }
  std::string Path() const;

 private:
  explicit MemoryFile(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace k8sgw
