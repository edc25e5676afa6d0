// A folder of YAML as a source of objects.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/sources/file/store.h"
#include "src/sources/file/watcher.h"
#include "src/sources/state/last_good.h"

namespace k8sgw::file {

class DirectorySource {
 public:
  // `top_kind` as in FileStore.
  DirectorySource(std::string root, std::string default_namespace, const KindInfo* top_kind = nullptr);

  // Everything that the folder holds; missing folders hold nothing until they appear.
  std::vector<Change> Start();
  // To be polled for reading; then OnReadable says what changed.
  int fd() const { return watcher_.fd(); }
  std::vector<Change> OnReadable();

  // --- last good texts over a restart; to be called before Start.
  void KeepIn(std::unique_ptr<state::LastGoodTexts> texts) { last_good_ = std::move(texts); }
  // After Start: two batches of changes, of which the first is what faulty files said when they were good, and the
  // second what they say now. Applied one after the other they leave the last good versions in force. Empty when there
  // is nothing to go back to. `faulty` are the objects that are refused.
  std::vector<std::vector<Change>> Revive(const std::set<ResourceKey>& faulty);
  // Keeps up to `most` of the files that have changed and are good; false when more are left. Files that are faulty,
  // and those that cannot be kept now (an error), wait for the next call.
  absl::StatusOr<bool> Keep(const std::set<ResourceKey>& faulty, size_t most);

  // The object as the folder has it now; gone when it does not.
  Change Current(const ResourceKey& key) const { return store_.Current(key); }

  // Problems of files and documents, each with its line; looked up anew when something has happened to the files.
  const std::vector<FileProblem>& problems() const;
  size_t file_count() const { return store_.file_count(); }
  // Where a problem of one of this folder's objects stands, by reading its file again. That file is kept, as a file
  // often has many problems, until another is asked for or something changes, or ForgetLines is called.
  Place Locate(const ResourceKey& object, const std::string& field) const;
  void ForgetLines() { lines_.reset(); }
  const std::string& root() const { return watcher_.root(); }

 private:
  std::vector<Change> Apply(std::vector<FileEvent> events);
  uint32_t LineIn(const std::string& path, const ResourceKey& object, const std::string& field) const;

  // Of a file's text; 0 for none.
  static uint64_t HashOf(std::string_view text);
  void Note(const FileEvent& event);

  DirectoryWatcher watcher_;
  FileStore store_;
  mutable std::optional<std::pair<std::string, FileStore::Lines>> lines_;
  mutable std::optional<std::vector<FileProblem>> problems_;

  std::unique_ptr<state::LastGoodTexts> last_good_;
  // The files that have changed since they were kept, with the hash of what they say; and those that must wait.
  std::map<std::string, uint64_t> changed_;
  std::map<std::string, uint64_t> waiting_;
};

// "path:12" with the folder before it; "" when the place is unknown.
std::string FormatPlace(const std::string& root, const Place& place);

}  // namespace k8sgw::file
