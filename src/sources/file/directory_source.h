// A folder of YAML as a source of objects.
#pragma once

#include <string>
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

  // Problems of files and documents.
  std::vector<FileProblem> problems() const { return store_.problems(); }
  // Where a problem of one of this folder's objects stands, by reading its file again.
  Place Locate(const ResourceKey& object, const std::string& field) const;
  const std::string& root() const { return watcher_.root(); }

 private:
  std::vector<Change> Apply(std::vector<FileEvent> events);

  DirectoryWatcher watcher_;
  FileStore store_;
};

// "path:12" with the folder before it; "" when the place is unknown.
std::string FormatPlace(const std::string& root, const Place& place);

}  // namespace k8sgw::file
