#include "tests/simulation/universe.h"

#include "tests/simulation/objects.h"

namespace k8sgw::sim {
namespace {

// Changes one word of the text, if one of these stands in it: most edits of people are small.
std::string EditOneWord(Random& random, std::string text) {
  static const std::vector<std::pair<std::string, std::string>> kEdits = {
      {"name: s0", "name: s1"},  {"name: s1", "name: s0"},      {"u0", "u1"},         {"u1", "u2"},
      {"a.com", "b.com"},        {"b.com", "a.com"},            {"app: x", "app: y"}, {"app: y", "app: x"},
      {"8080", "8081"},          {"8081", "8080"},              {"t0", "t1"},         {"ssl: true", "ssl: false"},
      {"prefix: /a", "prefix: /b"}, {"namespace: default", "namespace: other"}, {"port: 80", "port: 8"},
      {"  sslConfig: {", "  sslConfig: {sniDomains: [z.com], "}};
  for (int tries = 0; tries < 20; ++tries) {
    const auto& [from, to] = random.Pick(kEdits);
    const size_t at = text.find(from);
    if (at != std::string::npos) return text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

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
    switch (file == files_.end() ? 0 : random_.Below(14)) {
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
      case 6:
      case 7:
      case 8:
      case 9: Write(path, EditOneWord(random_, file->second), changes); break;
      default: Write(path, Text(), changes); break;
    }
  }
  return changes;
}

}  // namespace k8sgw::sim
