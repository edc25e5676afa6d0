#include "src/sources/file/store.h"

#include <algorithm>
#include <set>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/model/kubernetes.h"

namespace k8sgw::file {
namespace {

// The parts of a path of the original's layout, `<plural>/<namespace>/<name>.yaml`, at the end of the path.
struct FlatName {
  const KindInfo* kind = nullptr;
  std::string ns;
  std::string name;
};

FlatName ParseFlatPath(const std::string& path) {
  const size_t name_at = path.rfind('/');
  if (name_at == std::string::npos || name_at == 0) return {};
  const size_t ns_at = path.rfind('/', name_at - 1);
  if (ns_at == std::string::npos) return {};
  const size_t kind_at = ns_at == 0 ? std::string::npos : path.rfind('/', ns_at - 1);
  const size_t begin = kind_at == std::string::npos ? 0 : kind_at + 1;
  FlatName flat;
  flat.kind = FindPlural(path.substr(begin, ns_at - begin));
  flat.ns = path.substr(ns_at + 1, name_at - ns_at - 1);
  flat.name = path.substr(name_at + 1, path.rfind('.') - name_at - 1);
  return flat;
}

DecodedDocument DecodeDocument(const std::string& path, const yaml::Node& document,
                               const std::string& default_namespace, const KindInfo* top_kind) {
  if (!document.Find("apiVersion")) {
    if (top_kind && path.find('/') == std::string::npos) {
      return DecodeFlat(*top_kind, default_namespace, path.substr(0, path.rfind('.')), document);
    }
    const FlatName flat = ParseFlatPath(path);
    if (flat.kind) return DecodeFlat(*flat.kind, flat.ns, flat.name, document);
  }
  return DecodeKubernetes(document, default_namespace);
}

}  // namespace

FileStore::FileStore(std::string default_namespace, const KindInfo* top_kind)
    : default_namespace_(std::move(default_namespace)), top_kind_(top_kind) {}

FileStore::~FileStore() = default;

std::vector<DecodedDocument> FileStore::Decode(const std::string& path, const yaml::Stream& stream) const {
  std::vector<DecodedDocument> out;
  for (const yaml::Node& document : stream.documents)
    out.push_back(DecodeDocument(path, document, default_namespace_, top_kind_));
  return out;
}

std::vector<Change> FileStore::Update(const std::string& path, std::string_view text) {
  const yaml::Stream stream = yaml::Parse(text);
  File& entry = *files_.try_emplace(path).first;
  FileState& file = entry.second;
  file.problems.clear();
  Objects objects;
  std::set<ResourceKey> seen;
  bool keep_all = !stream.ok;
  for (size_t index = 0; DecodedDocument & decoded : Decode(path, stream)) {
    const uint32_t line = stream.documents[index++].mark.line;
    for (PlacedProblem& placed : decoded.problems) {
      file.problems.push_back({std::move(placed.problem), {path, placed.mark.line}});
    }
    for (Change& change : decoded.objects) {
      if (objects.contains(change.key)) {
        file.problems.push_back({{change.key, Severity::kError, "metadata.name",
                                  "stands twice in this file; the first is used", "remove one of them"},
                                 {path, line}});
        continue;
      }
      objects[change.key] = std::move(change.object);
    }
    for (const ResourceKey& key : decoded.keys) seen.insert(key);
    keep_all = keep_all || decoded.unidentified;
  }
  // What is broken keeps its last good version. That is everything that is not there when a syntax error hides the rest
  // of the file, or when some object does not even say which one it is.
  for (const auto& [key, object] : file.objects) {
    if (!objects.contains(key) && (keep_all || seen.contains(key))) objects[key] = object;
  }
  if (!stream.ok) {
    file.problems.push_back(
        {{{}, Severity::kError, "", stream.error.message, "what the file said before stays in use until it is mended"},
         {path, stream.error.mark.line}});
  }
  Settle(path, file);
  std::vector<Change> changes;
  Replace(entry, std::move(objects), changes);
  return changes;
}

void FileStore::Unreadable(const std::string& path, std::string message, std::string fix) {
  FileState& file = files_[path];
  file.problems = {{{{}, Severity::kError, "", std::move(message), std::move(fix)}, {path, 0}}};
  Settle(path, file);
}

std::vector<Change> FileStore::Remove(const std::string& path) {
  std::vector<Change> changes;
  const auto file = files_.find(path);
  if (file == files_.end()) return changes;
  Replace(*file, {}, changes);
  files_.erase(file);
  faulty_.erase(path);
  return changes;
}

const AnyObject& FileStore::ObjectOf(const File& file, const ResourceKey& key) {
  const auto& objects = file.second.objects;
  return std::lower_bound(objects.begin(), objects.end(), key,
                          [](const auto& object, const ResourceKey& k) { return object.first < k; })
      ->second;
}

void FileStore::Replace(File& file, Objects objects, std::vector<Change>& changes) {
  std::map<ResourceKey, uint64_t> before;
  const auto remember = [&](const ResourceKey& key) {
    const auto claim = claims_.find(key);
    before[key] = claim == claims_.end() ? 0 : HashOf(ObjectOf(*claim->second.front(), key));
  };
  for (const auto& [key, object] : file.second.objects) remember(key);
  for (const auto& [key, object] : objects) remember(key);
  for (const auto& [key, object] : file.second.objects) {
    if (objects.contains(key)) continue;
    auto claim = claims_.find(key);
    claim->second.erase(std::find(claim->second.begin(), claim->second.end(), &file));
    if (claim->second.size() < 2) contested_.erase(key);
    if (claim->second.empty()) claims_.erase(claim);
  }
  for (const auto& [key, object] : objects) {
    Claim& claim = claims_[key];
    const auto place = std::lower_bound(claim.begin(), claim.end(), &file,
                                        [](const File* a, const File* b) { return a->first < b->first; });
    if (place == claim.end() || *place != &file) claim.insert(place, &file);
    if (claim.size() > 1) contested_.insert(key);
  }
  file.second.objects.assign(std::make_move_iterator(objects.begin()), std::make_move_iterator(objects.end()));
  for (const auto& [key, hash] : before) {
    const auto claim = claims_.find(key);
    if (claim == claims_.end()) {
      if (hash != 0) changes.emplace_back(key, std::monostate());
    } else if (const AnyObject& now = ObjectOf(*claim->second.front(), key); HashOf(now) != hash) {
      changes.emplace_back(key, now);
    }
  }
}

// Keeps `faulty_` true after the problems of a file were replaced.
void FileStore::Settle(const std::string& path, const FileState& file) {
  if (file.problems.empty()) {
    faulty_.erase(path);
  } else {
    faulty_.insert(path);
  }
}

bool FileStore::IsGood(const std::string& path, const std::set<ResourceKey>& faulty_objects) const {
  const auto file = files_.find(path);
  if (file == files_.end() || faulty_.contains(path)) return false;
  const auto& objects = file->second.objects;
  return std::none_of(objects.begin(), objects.end(),
                      [&](const auto& object) { return faulty_objects.contains(object.first); });
}

std::vector<FileProblem> FileStore::problems() const {
  std::vector<FileProblem> all;
  for (const std::string& path : faulty_) {
    const auto& problems = files_.at(path).problems;
    all.insert(all.end(), problems.begin(), problems.end());
  }
  for (const ResourceKey& key : contested_) {
    const auto& claim = claims_.at(key);
    for (auto other = std::next(claim.begin()); other != claim.end(); ++other) {
      all.push_back({{key, Severity::kError, "metadata.name",
                      "is also defined in " + claim.front()->first + ", which is used", "remove one of them"},
                     {(*other)->first, 0}});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const FileProblem& a, const FileProblem& b) {
    return std::tie(a.place.path, a.place.line) < std::tie(b.place.path, b.place.line);
  });
  return all;
}

Change FileStore::Current(const ResourceKey& key) const {
  const auto claim = claims_.find(key);
  return Change(key, claim == claims_.end() ? AnyObject() : ObjectOf(*claim->second.front(), key));
}

std::string FileStore::FileOf(const ResourceKey& key) const {
  const auto claim = claims_.find(key);
  return claim == claims_.end() ? "" : claim->second.front()->first;
}

FileStore::Lines FileStore::ReadLines(const std::string& file, std::string_view text) const {
  Lines lines{yaml::Parse(text), {}};
  const auto add = [&](const DecodedDocument& decoded, const yaml::Node& node) {
    for (const ResourceKey& key : decoded.keys) lines.objects.emplace(key, &node);
  };
  for (const yaml::Node& document : lines.stream.documents) {
    // The objects of a list have places of their own.
    if (const yaml::Node* items = document.Find("items")) {
      for (const yaml::Node& item : items->items) add(DecodeKubernetes(item, default_namespace_), item);
    }
    add(DecodeDocument(file, document, default_namespace_, top_kind_), document);
  }
  return lines;
}

uint32_t FileStore::LineOf(const ResourceKey& key, std::string_view path, const Lines& lines) {
  const auto object = lines.objects.find(key);
  if (object == lines.objects.end()) return 0;
  const yaml::Node& root = *object->second;
  const bool in_spec = root.Find("spec") && !path.starts_with("metadata");
  return in_spec ? root.Locate("spec." + std::string(path)).line : root.Locate(path).line;
}

}  // namespace k8sgw::file
