#include "src/sources/file/directory_source.h"

#include <algorithm>
#include <map>
#include <string>

#include "src/base/hash.h"
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
    if (last_good_) Note(event);
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

uint64_t DirectorySource::HashOf(std::string_view text) { return std::max<uint64_t>(Hash64(text), 1); }

void DirectorySource::Note(const FileEvent& event) {
  waiting_.erase(event.path);
  switch (event.kind) {
    case FileEvent::Kind::kContent: changed_[event.path] = HashOf(event.content); break;
    case FileEvent::Kind::kGone: changed_[event.path] = 0; break;
    case FileEvent::Kind::kUnreadable: changed_.erase(event.path); break;
  }
}

std::vector<std::vector<Change>> DirectorySource::Revive(const std::set<ResourceKey>& faulty) {
  if (!last_good_) return {};
  std::set<std::string> files = store_.faulty_files();
  for (const ResourceKey& key : faulty) files.insert(store_.FileOf(key));
  std::vector<std::vector<Change>> steps(2);
  const auto add = [](std::vector<Change> changes, std::vector<Change>& step) {
    for (Change& change : changes) step.push_back(std::move(change));
  };
  for (const std::string& path : files) {
    const std::optional<std::string> good = last_good_->Find(path);
    if (!good) continue;
    std::string now;
    std::string problem = ReadAll(Join(root(), path), &now);
    add(store_.Update(path, *good), steps[0]);
    if (problem.empty()) {
      add(store_.Update(path, now), steps[1]);
    } else {
      store_.Unreadable(path, std::move(problem), "what it said before stays in use");
    }
  }
  problems_.reset();
  ForgetLines();
  if (steps[0].empty() && steps[1].empty()) return {};
  return steps;
}

absl::StatusOr<bool> DirectorySource::Keep(const std::set<ResourceKey>& faulty, size_t most) {
  if (!last_good_) return true;
  // What was faulty may have been mended by another file.
  for (const auto& [path, hash] : waiting_) {
    if (hash == 0 || store_.IsGood(path, faulty)) changed_.emplace(path, hash);
  }
  std::string text;
  for (size_t i = 0; i < most && !changed_.empty(); ++i) {
    const auto [path, hash] = *changed_.begin();
    changed_.erase(changed_.begin());
    waiting_.erase(path);
    absl::Status status;
    if (hash == 0) {
      status = last_good_->Forget(path);
    } else if (!store_.IsGood(path, faulty)) {
      waiting_.emplace(path, hash);
    } else if (ReadAll(Join(root(), path), &text).empty() && HashOf(text) == hash) {
      // Otherwise it has changed again, and its turn will come.
      status = last_good_->Keep(path, text);
    }
    if (status.ok()) continue;
    waiting_.emplace(path, hash);
    return status;
  }
  return changed_.empty();
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
