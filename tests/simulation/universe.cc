#include "tests/simulation/universe.h"

#include "tests/simulation/objects.h"

namespace k8sgw::sim {

std::string Universe::Text() {
  std::string text;
  for (int i = 1 + random_.Below(3); i > 0; --i) text += (text.empty() ? "" : "---\n") + RandomObject(random_);
  return text;
}

void Universe::Write(const std::string& path, std::string text, std::vector<FileChange>& changes) {
  files_[path] = text;
  changes.push_back({path, std::move(text)});
}

void Universe::Remove(const std::string& path, std::vector<FileChange>& changes) {
  files_.erase(path);
  changes.push_back({path, std::nullopt});
}

std::vector<FileChange> Universe::Step() {
  std::vector<FileChange> changes;
  for (int i = 1 + random_.Below(5); i > 0; --i) {
    const std::string path = "f" + std::to_string(random_.Below(24)) + ".yaml";
    const auto file = files_.find(path);
    switch (file == files_.end() ? 0 : random_.Below(10)) {
      case 0: Remove(path, changes); Write(path, Text(), changes); break;
      case 1: Remove(path, changes); break;
      case 2: Write(path, file->second.substr(0, file->second.size() / 2), changes); break;
      case 3: Write(path, file->second + "\n: [broken\n", changes); break;
      case 4: Write(path, "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: u0}\nspec: {statik: {}}\n", changes); break;
      case 5: {
        // A rename: the text goes to another path.
        const std::string text = file->second;
        Remove(path, changes);
        Write("f" + std::to_string(random_.Below(24)) + ".yaml", text, changes);
        break;
      }
      default: Write(path, Text(), changes); break;
    }
  }
  return changes;
}

}  // namespace k8sgw::sim
