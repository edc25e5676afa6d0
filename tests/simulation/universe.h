// A folder of YAML that changes at random: few names, so that objects conflict, refer to what is missing, move between
// files, break, and come back.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/random.h"

namespace k8sgw::sim {

// What happens to one file: its new text, or nothing when it is gone.
struct FileChange {
  std::string path;
  std::optional<std::string> text;
};

class Universe {
 public:
  explicit Universe(uint64_t seed) : random_(seed) {}

  // One transaction: one to five files are written, edited, broken, cut short, copied, swapped, renamed or removed.
  std::vector<FileChange> Step();
  // Every file as it is now.
  const std::map<std::string, std::string>& files() const { return files_; }
  Random& random() { return random_; }

 private:
  using Changes = std::vector<FileChange>;

  std::string RandomPath();
  std::string RandomText(const std::string& path);
  void Write(const std::string& path, std::string text, Changes& changes);
  void Remove(const std::string& path, Changes& changes);
  // Breaks the file, so that what it said before may have to stay in use.
  void Break(const std::string& path, Changes& changes);
  // The text moves to other files.
  void Move(const std::string& path, Changes& changes);

  Random random_;
  std::map<std::string, std::string> files_;
};

}  // namespace k8sgw::sim
