// A real folder for tests, gone at their end.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace k8sgw::testing {

namespace fs = std::filesystem;

class TestFolder {
 public:
  TestFolder() {
    std::string pattern = fs::temp_directory_path() / "k8sgw-test-XXXXXX";
    base_ = mkdtemp(pattern.data());
    root_ = base_ / "conf";
    fs::create_directory(root_);
  }
  ~TestFolder() {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  // The folder that is watched, and the one around it.
  const fs::path& root() const { return root_; }
  const fs::path& base() const { return base_; }
  fs::path operator/(std::string_view path) const { return root_ / path; }

  // Writes in place, as an editor or a shell does.
  void Write(const fs::path& path, std::string_view text) const {
    const fs::path absolute = root_ / path;
    fs::create_directories(absolute.parent_path());
    std::ofstream(absolute, std::ios::binary) << text;
  }
  // Writes beside and renames over, as careful tools do.
  void Replace(const fs::path& path, std::string_view text) const {
    const fs::path beside = root_ / path.parent_path() / (".tmp-" + path.filename().string());
    Write(beside, text);
    fs::rename(beside, root_ / path);
  }

 private:
  fs::path base_;
  fs::path root_;
};

}  // namespace k8sgw::testing
