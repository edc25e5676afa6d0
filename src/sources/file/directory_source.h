// A folder of YAML as a source of objects.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/sources/file/store.h"
#include "src/sources/file/watcher.h"

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

  DirectoryWatcher watcher_;
  FileStore store_;
  mutable std::optional<std::pair<std::string, FileStore::Lines>> lines_;
  mutable std::optional<std::vector<FileProblem>> problems_;
};

// "path:12" with the folder before it; "" when the place is unknown.
std::string FormatPlace(const std::string& root, const Place& place);

}  // namespace k8sgw::file
