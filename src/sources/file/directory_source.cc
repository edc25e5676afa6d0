#include "src/sources/file/directory_source.h"

#include <algorithm>
#include <map>
#include <string>

#include "src/sources/file/paths.h"

namespace k8sgw::file {

DirectorySource::DirectorySource(std::string root, std::string default_namespace, const KindInfo* top_kind)
    : watcher_(std::move(root)), store_(std::move(default_namespace), top_kind) {}

std::vector<Change> DirectorySource::Start() { return Apply(watcher_.Start()); }

std::vector<Change> DirectorySource::OnReadable() { return Apply(watcher_.Poll()); }

std::vector<Change> DirectorySource::Apply(std::vector<FileEvent> events) {
  ForgetLines();
  if (!events.empty()) problems_.reset();
  // An object that moves from one file to another goes and comes within one batch: the last word counts.
  std::map<ResourceKey, Change> last;
  for (FileEvent& event : events) {
    std::vector<Change> changes;
    switch (event.kind) {
      case FileEvent::Kind::kContent: changes = store_.Update(event.path, event.content); break;
      case FileEvent::Kind::kGone: changes = store_.Remove(event.path); break;
      case FileEvent::Kind::kUnreadable:
        store_.Unreadable(event.path, std::move(event.content), "what it said before stays in use");
        break;
    }
    // The text is not needed any more, and a large folder has much of it.
    event.content = std::string();
    for (Change& change : changes) {
      const ResourceKey key = change.key;
      last[key] = std::move(change);
    }
  }
  std::vector<Change> out;
  out.reserve(last.size());
  for (auto& [key, change] : last) out.push_back(std::move(change));
  return out;
}

Place DirectorySource::Locate(const ResourceKey& object, const std::string& field) const {
  Place place;
  place.path = store_.FileOf(object);
  if (!place.path.empty()) place.line = LineIn(place.path, object, field);
  return place;
}

uint32_t DirectorySource::LineIn(const std::string& path, const ResourceKey& object, const std::string& field) const {
  if (!lines_ || lines_->first != path) {
    // It may be what could not be read before: a pipe without a writer, or a file without an end.
    std::string text;
    if (!ReadAll(Join(root(), path), &text).empty()) text.clear();
    lines_.emplace(path, store_.ReadLines(path, text));
  }
  return FileStore::LineOf(object, field, lines_->second);
}

const std::vector<FileProblem>& DirectorySource::problems() const {
  if (problems_) return *problems_;
  problems_ = store_.problems();
  for (auto& [problem, place] : *problems_) {
    if (place.line == 0) place.line = std::max(1u, LineIn(place.path, problem.object, problem.path));
  }
  return *problems_;
}

std::string FormatPlace(const std::string& root, const Place& place) {
  if (place.path.empty()) return "";
  const std::string path = root + "/" + place.path;
  return place.line == 0 ? path : path + ":" + std::to_string(place.line);
}

}  // namespace k8sgw::file
