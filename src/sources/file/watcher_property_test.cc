// Whatever happens to a folder, in the end what was noticed is what is there.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>
#include <thread>

#include "src/sources/file/test_folder.h"

namespace k8sgw::file {
namespace {

using testing::Files;
using testing::Seen;
using testing::TestFolder;
namespace fs = std::filesystem;

// Does something to the folder, as its random numbers say.
class Vandal {
 public:
  Vandal(const TestFolder& folder, unsigned seed, bool hard_links)
      : folder_(folder), random_(seed), hard_links_(hard_links) {}

  // Returns false when the watcher must look before the next action: it knows a file that was linked into place only
  // while the other name is there, because a file that is being written looks the same.
  bool Act() {
    std::error_code error;
    const fs::path file = File();
    const fs::path other = File();
    const std::string text = std::to_string(random_() % 1000);
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2: return Try([&] { folder_.Write(file, text); });
      case 3:
      case 4: return Try([&] { folder_.Replace(file, text); });
      case 5: fs::remove(folder_.root() / file, error); return true;
      case 6: fs::rename(folder_.root() / file, folder_.root() / other, error); return true;
      case 7: fs::rename(folder_.root() / Folder(), folder_.root() / Folder(), error); return true;
      case 8: fs::remove_all(folder_.root() / Folder(), error); return true;
      case 9: fs::create_directories(folder_.root() / Folder(), error); return true;
      case 10:
        if (hard_links_) fs::create_hard_link(folder_.root() / file, folder_.root() / other, error);
        return !hard_links_;
      case 11: fs::create_symlink(folder_.root() / other, folder_.root() / file, error); return true;
      case 12: fs::create_symlink(folder_.root() / Folder(), folder_.root() / Folder(), error); return true;
      case 13: {
        // The swap of a link.
        const fs::path link = folder_.root() / (random_() % 2 == 0 ? file : fs::path(Folder()));
        fs::create_symlink(folder_.root() / (random_() % 2 == 0 ? other : fs::path(Folder())), folder_.root() / ".next",
                           error);
        fs::rename(folder_.root() / ".next", link, error);
        fs::remove(folder_.root() / ".next", error);
        return true;
      }
      case 14:
        if (random_() % 8 == 0) fs::remove_all(folder_.root(), error);
        return true;
      case 15:
        if (random_() % 8 != 0) return true;
        fs::rename(folder_.root(), folder_.base() / "away", error);
        if (random_() % 2 == 0) fs::rename(folder_.base() / "away", folder_.root(), error);
        fs::remove_all(folder_.base() / "away", error);
        return true;
    }
    return true;
  }

 private:
  std::string Folder() {
    static const char* const kFolders[] = {"a", "b", "a/c", "b/d", "a/c/e"};
    return kFolders[random_() % std::size(kFolders)];
  }

  fs::path File() {
    static const char* const kNames[] = {"x.yaml", "y.yaml", "z.yaml.off"};
    const std::string folder = random_() % 3 == 0 ? "" : Folder();
    return fs::path(folder) / kNames[random_() % std::size(kNames)];
  }

  // Paths lead through what may be no folder any more.
  template <class F>
  bool Try(F action) {
    try {
      action();
    } catch (const fs::filesystem_error&) {
    }
    return true;
  }

  const TestFolder& folder_;
  std::mt19937 random_;
  const bool hard_links_;
};

// What is there, by the rules of the watcher, without a watcher.
void Collect(const fs::path& absolute, const std::string& relative, std::vector<ino_t> way, Files& out) {
  struct stat info {};
  if (stat(absolute.c_str(), &info) != 0) return;
  if (S_ISREG(info.st_mode)) {
    if (!absolute.string().ends_with(".yaml")) return;
    std::ifstream in(absolute);
    out[relative] = std::string(std::istreambuf_iterator<char>(in), {});
    return;
  }
  if (std::find(way.begin(), way.end(), info.st_ino) != way.end()) return;
  way.push_back(info.st_ino);
  for (const auto& entry : fs::directory_iterator(absolute)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with('.')) Collect(entry.path(), relative.empty() ? name : relative + "/" + name, way, out);
  }
}

Files Tree(const TestFolder& folder) {
  Files out;
  Collect(folder.root(), "", {}, out);
  return out;
}

// Of what cannot be read (links that lead in circles), what was there before stays.
void ExpectSame(const Seen& seen, const TestFolder& folder, const std::string& where) {
  Files files = seen.files;
  for (const auto& refused : seen.refused) {
    const std::string& path = refused.first;
    std::erase_if(files, [&](const auto& file) { return file.first == path || file.first.starts_with(path + "/"); });
  }
  ASSERT_EQ(files, Tree(folder)) << where;
}

TEST(WatcherProperty, StepByStep) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestFolder folder;
    Vandal vandal(folder, seed, true);
    Seen seen(folder.root());
    std::mt19937 random(seed + 1000);
    for (int step = 0; step < 150; ++step) {
      const bool may_wait = vandal.Act();
      if (may_wait && random() % 3 != 0) continue;
      seen.Poll();
      ExpectSame(seen, folder, "seed " + std::to_string(seed) + ", step " + std::to_string(step));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(WatcherProperty, AtTheSameTime) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    TestFolder folder;
    Seen seen(folder.root());
    std::thread other([&] {
      Vandal vandal(folder, seed, false);
      for (int step = 0; step < 400; ++step) vandal.Act();
    });
    for (int i = 0; i < 40; ++i) seen.Poll();
    other.join();
    seen.Poll();
    ExpectSame(seen, folder, "seed " + std::to_string(seed));
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace k8sgw::file
