// A real folder for tests, and what a watcher has seen of it.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/sources/file/watcher.h"

namespace k8sgw::file::testing {

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

using Files = std::map<std::string, std::string>;

// Follows the events of a watcher.
class Seen {
 public:
  explicit Seen(const std::string& root) : watcher(root) { Apply(watcher.Start()); }

  // Takes what has been noticed so far; returns how many events that were.
  size_t Poll() { return Apply(watcher.Poll()); }

  // Waits until the files are these.
  ::testing::AssertionResult Becomes(const Files& expected) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (files != expected) {
      pollfd waiting{watcher.fd(), POLLIN, 0};
      if (std::chrono::steady_clock::now() > deadline)
        return ::testing::AssertionFailure() << Show(files) << " is not " << Show(expected);
      if (poll(&waiting, 1, 100) > 0) Poll();
    }
    return ::testing::AssertionSuccess();
  }

  DirectoryWatcher watcher;
  Files files;
  // What cannot be read, and why.
  Files refused;

 private:
  size_t Apply(std::vector<FileEvent> events) {
    for (FileEvent& event : events) {
      refused.erase(event.path);
      switch (event.kind) {
        case FileEvent::Kind::kContent: files[event.path] = std::move(event.content); break;
        case FileEvent::Kind::kGone: files.erase(event.path); break;
        case FileEvent::Kind::kUnreadable: refused[event.path] = std::move(event.content); break;
      }
    }
    return events.size();
  }

  static std::string Show(const Files& files) {
    std::string out = "{";
    for (const auto& [path, text] : files) out += " " + path + "=" + text.substr(0, 20);
    return out + " }";
  }
};

}  // namespace k8sgw::file::testing
