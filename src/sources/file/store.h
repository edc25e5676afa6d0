// What the files of a folder contribute: pure, without any input or output.
//
// - A file that cannot be parsed keeps what it contributed before; of a file in which one object is broken, that object
//   keeps its last good version and the others follow the file. When nobody can tell which object is broken, nothing of
//   the file goes away until it is mended.
// - An object that two files define is taken from the first by path; when that goes, the other takes over.
// - The result does not depend on the order in which files were read, but for last good versions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "src/model/decode.h"

namespace k8sgw::file {

// Where a problem stands.
struct Place {
  std::string path;  // relative to the folder; "" when unknown
  uint32_t line = 0;
};

struct FileProblem {
  Problem problem;
  Place place;
};

class FileStore {
 public:
  // Files at the top of the folder that hold flat documents are of `top_kind`, when it is given.
  explicit FileStore(std::string default_namespace, const KindInfo* top_kind = nullptr);
  ~FileStore();

  // The file has this content now; returns what that changes.
  std::vector<Change> Update(const std::string& path, std::string_view text);
  // The file cannot be read: what it contributed stays.
  void Unreadable(const std::string& path, std::string message, std::string fix);
  std::vector<Change> Remove(const std::string& path);

  // Problems of files and documents, in the order of paths and lines.
  std::vector<FileProblem> problems() const;
  // The object as it counts now; gone when no file defines it.
  Change Current(const ResourceKey& key) const;
  // Whether the file is there and neither it nor any of its objects is faulty.
  bool IsGood(const std::string& path, const std::set<ResourceKey>& faulty_objects) const;
  // The file that an object comes from, or "".
  std::string FileOf(const ResourceKey& key) const;
  // A file that is read again to find lines in it.
  struct Lines {
    yaml::Stream stream;
    // Where in `stream` each object begins; of several, the first.
    std::map<ResourceKey, const yaml::Node*> objects;
  };
  Lines ReadLines(const std::string& file, std::string_view text) const;
  // The line of `path` in the object `key`; 0 when the object is not there.
  static uint32_t LineOf(const ResourceKey& key, std::string_view path, const Lines& lines);
  // Files that have problems of their own.
  const std::set<std::string>& faulty_files() const { return faulty_; }
  size_t file_count() const { return files_.size(); }
  const std::string& default_namespace() const { return default_namespace_; }

 private:
  using Objects = std::map<ResourceKey, AnyObject>;
  struct FileState {
    // In the order of keys. (Most files hold one object, and a map of one is large.)
    std::vector<std::pair<ResourceKey, AnyObject>> objects;
    std::vector<FileProblem> problems;
  };
  using File = std::map<std::string, FileState>::value_type;
  // The files that define an object, in the order of their paths: the first one counts.
  using Claim = absl::InlinedVector<const File*, 1>;

  std::vector<DecodedDocument> Decode(const std::string& path, const yaml::Stream& stream) const;
  void Settle(const std::string& path, const FileState& file);
  void Replace(File& file, Objects objects, std::vector<Change>& changes);
  static const AnyObject& ObjectOf(const File& file, const ResourceKey& key);

  const std::string default_namespace_;
  const KindInfo* const top_kind_;
  std::map<std::string, FileState> files_;
  std::map<ResourceKey, Claim> claims_;
  // Files with problems of their own, and objects that more than one file defines: few, as a rule.
  std::set<std::string> faulty_;
  std::set<ResourceKey> contested_;
};

}  // namespace k8sgw::file
