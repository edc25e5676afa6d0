// What a watcher has seen of a folder.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/test_folder.h"
#include "src/sources/file/watcher.h"

namespace k8sgw::file::testing {

namespace fs = std::filesystem;

using k8sgw::testing::TestFolder;

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
