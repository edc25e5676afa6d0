#include "tests/simulation/universe.h"

#include "tests/simulation/edits.h"
#include "tests/simulation/objects.h"

namespace k8sgw::sim {
namespace {

// In the original's layout: the path says what the object is.
constexpr char kFlatPath[] = "upstreams/default/u3.yaml";

}  // namespace

std::string Universe::RandomPath() {
  const int number = random_.Below(26);
  if (number == 25) return kFlatPath;
  return (number % 5 == 0 ? "sub/f" : "f") + std::to_string(number) + ".yaml";
}

std::string Universe::RandomText(const std::string& path) {
  if (path == kFlatPath) return "{" + RandomFlatUpstream(random_) + "}\n";
  std::string text;
  for (int i = 1 + random_.Below(3); i > 0; --i) text += (text.empty() ? "" : "---\n") + RandomObject(random_);
  return text;
}

void Universe::Write(const std::string& path, std::string text, Changes& changes) {
  files_[path] = text;
  changes.push_back({path, std::move(text)});
}

void Universe::Remove(const std::string& path, Changes& changes) {
  files_.erase(path);
  changes.push_back({path, std::nullopt});
}

void Universe::Break(const std::string& path, Changes& changes) {
  const std::string text = files_.at(path);
  switch (random_.Below(6)) {
    case 0: return Write(path, text + "\n: [broken\n", changes);
    case 1:
      return Write(
          path, text + "---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: u0}\nspec: {statik: {}}\n",
          changes);
    case 2: return Write(path, text + "---\nkind: Upstream\n", changes);
    case 3: return Write(path, "", changes);
    default:
      // A writer that was interrupted.
      return Write(path, text.substr(0, static_cast<size_t>(random_.Below(static_cast<int>(text.size()) + 1))),
                   changes);
  }
}

void Universe::Move(const std::string& path, Changes& changes) {
  const std::string text = files_.at(path);
  const std::string other = RandomPath();
  switch (random_.Below(3)) {
    case 0: Remove(path, changes); return Write(other, text, changes);
    case 1: return Write(other, text, changes);  // every object stands in two files now
    default:
      if (const auto there = files_.find(other); there != files_.end()) {
        const std::string theirs = there->second;
        Write(path, theirs, changes);
      }
      return Write(other, text, changes);
  }
}

std::vector<FileChange> Universe::Step() {
  Changes changes;
  for (int i = 1 + random_.Below(5); i > 0; --i) {
    const std::string path = RandomPath();
    if (!files_.contains(path)) {
      Write(path, RandomText(path), changes);
      continue;
    }
    switch (random_.Below(16)) {
      case 0:
        Remove(path, changes);
        Write(path, RandomText(path), changes);
        break;
      case 1:
      case 2: Remove(path, changes); break;
      case 3:
      case 4: Break(path, changes); break;
      case 5:
      case 6: Move(path, changes); break;
      case 7:
      case 8:
      case 9:
      case 10:
      case 11: Write(path, EditOneWord(random_, files_.at(path)), changes); break;
      default: Write(path, RandomText(path), changes); break;
    }
  }
  return changes;
}

}  // namespace k8sgw::sim
