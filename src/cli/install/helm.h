// helm as a child: the program that renders and installs charts.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::cli {

// Runs it to its end, with our stdin, stdout and stderr; returns its exit code. Errors: there is no such program (with
// what to do), or it was killed.
absl::StatusOr<int> RunHelm(const std::string& program, const std::vector<std::string>& arguments);

// A file that is there as long as the object; only its owner can read it.
class TemporaryFile {
 public:
  static absl::StatusOr<TemporaryFile> Make(std::string_view ending, std::string_view content);
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace k8sgw::cli
