#include "src/sources/cluster/object_store.h"

#include <algorithm>
#include <utility>

#include "src/json/tree.h"

namespace k8sgw::cluster {
namespace {

using yaml::Node;

// Items of a list do not say their kind, and metadata alone says another.
void SetText(Node& object, std::string_view key, std::string_view text) {
  const auto same = [&](const Node::Entry& entry) { return entry.key == key; };
  const auto found = std::find_if(object.entries.begin(), object.entries.end(), same);
  Node::Entry& entry = found == object.entries.end() ? object.entries.emplace_back() : *found;
  entry.key = key;
  entry.value.kind = Node::Kind::kScalar;
  entry.value.quoted = true;
  entry.value.scalar = text;
}

DecodedDocument DecodeNode(const KindInfo& kind, Node object) {
  if (!object.is_mapping()) return {};
  SetText(object, "apiVersion", kind.api_version);
  SetText(object, "kind", KindName(kind.kind));
  return DecodeKubernetes(object, "");
}

Change Gone(const ResourceKey& key) {
  Change change;
  change.key = key;
  return change;
}

}  // namespace

bool IsBookkeeping(int depth, std::string_view parent, std::string_view key) {
  if (depth == 0) return key == "status";
  if (depth == 1) return parent == "metadata" && key == "managedFields";
  return depth == 2 && parent == "annotations" && key == "kubectl.kubernetes.io/last-applied-configuration";
}

ObjectStore::ObjectStore() : counts_([](const Name&) { return true; }) {}
ObjectStore::ObjectStore(ObjectStore&&) noexcept = default;
ObjectStore& ObjectStore::operator=(ObjectStore&&) noexcept = default;
ObjectStore::~ObjectStore() = default;

DecodedDocument ObjectStore::Decode(const KindInfo& kind, std::string_view json) {
  absl::StatusOr<Node> object = yaml::FromJson(json, IsBookkeeping);
  return object.ok() ? DecodeNode(kind, *std::move(object)) : DecodedDocument();
}

DecodedDocument ObjectStore::Decode(const KindInfo& kind, const kube::RawObject& object) {
  absl::StatusOr<Node> read = yaml::FromJson(object.json, IsBookkeeping);
  DecodedDocument out = read.ok() ? DecodeNode(kind, *std::move(read)) : DecodedDocument();
  if (out.keys.size() == 1) return out;
  // The client has read it once already, so it is JSON and has a name; but it can be nested as deeply as the API server
  // takes it.
  const ResourceKey key{kind.kind, object.meta.namespace_, object.meta.name};
  DecodedDocument unread;
  unread.keys.push_back(key);
  const std::string why = read.ok() ? "it has no name" : std::string(read.status().message());
  unread.problems.push_back({{key, Severity::kError, "", "it cannot be read: " + why,
                              "write it with fewer lists and mappings within each other; what it was before counts"},
                             {}});
  return unread;
}

void ObjectStore::Put(const DecodedDocument& decoded, std::vector<Change>& changes) {
  if (decoded.keys.size() != 1) return;
  const ResourceKey& key = decoded.keys.front();
  Problems problems;
  for (const PlacedProblem& placed : decoded.problems) problems.push_back(placed.problem);
  if (problems.empty()) {
    if (problems_.erase(key) > 0) problems_changed_ = true;
  } else if (Problems& known = problems_[key]; known != problems) {
    known = std::move(problems);
    problems_changed_ = true;
  }
  for (const Change& change : decoded.objects) Set(change, changes);
}

void ObjectStore::Set(Change object, std::vector<Change>& changes) {
  Entry& entry = objects_[object.key];
  // Statuses are written to objects all the time, and change nothing for us.
  if (entry.object.hash() == object.hash()) return;
  entry.object = std::move(object);
  const bool counted = std::exchange(entry.counts, counts_(entry.object.key.ns));
  if (entry.counts) {
    changes.push_back(entry.object);
  } else if (counted) {
    changes.push_back(Gone(entry.object.key));
  }
}

void ObjectStore::Remove(const ResourceKey& key, std::vector<Change>& changes) {
  if (problems_.erase(key) > 0) problems_changed_ = true;
  const auto entry = objects_.find(key);
  if (entry == objects_.end()) return;
  if (entry->second.counts) changes.push_back(Gone(key));
  objects_.erase(entry);
}

void ObjectStore::OfferLastGood(const Change& object, std::vector<Change>& changes) {
  if (!problems_.contains(object.key) || objects_.contains(object.key)) return;
  const bool counts = counts_(object.key.ns);
  objects_.emplace(object.key, Entry{object, counts});
  if (counts) changes.push_back(object);
}

void ObjectStore::Forgive(const ResourceKey& key) {
  if (problems_.erase(key) > 0) problems_changed_ = true;
}

void ObjectStore::SetNamespaces(Counts counts, std::vector<Change>& changes) {
  counts_ = std::move(counts);
  if (!problems_.empty()) problems_changed_ = true;
  for (auto& [key, entry] : objects_) {
    const bool now = counts_(key.ns);
    if (now == entry.counts) continue;
    entry.counts = now;
    changes.push_back(now ? entry.object : Gone(key));
  }
}

ObjectStore ObjectStore::Part(const std::function<bool(const ResourceKey& key)>& which) const {
  ObjectStore part;
  part.counts_ = counts_;
  for (const auto& [key, entry] : objects_) {
    if (which(key)) part.objects_.emplace_hint(part.objects_.end(), key, entry);
  }
  for (const auto& [key, problems] : problems_) {
    if (which(key)) part.problems_.emplace_hint(part.problems_.end(), key, problems);
  }
  return part;
}

void ObjectStore::Adopt(const ObjectStore& before, const std::function<bool(const ResourceKey& key)>& which) {
  for (const auto& [key, entry] : before.objects_) {
    if (which(key)) objects_.try_emplace(key, Entry{entry.object, counts_(key.ns)});
  }
  for (const auto& [key, problems] : before.problems_) {
    if (which(key)) problems_.try_emplace(key, problems);
  }
}

void ObjectStore::Succeed(ObjectStore before, std::vector<Change>& changes) {
  if (!problems_.empty() || !before.problems_.empty()) problems_changed_ = true;
  for (const auto& [key, problems] : problems_) {
    const auto last_good = before.objects_.find(key);
    if (last_good == before.objects_.end() || objects_.contains(key)) continue;
    objects_.emplace(key, Entry{last_good->second.object, counts_(key.ns)});
  }
  for (const auto& [key, entry] : before.objects_) {
    if (entry.counts && Current(key).gone()) changes.push_back(Gone(key));
  }
  for (const auto& [key, entry] : objects_) {
    if (entry.counts && entry.object.hash() != before.Current(key).hash()) changes.push_back(entry.object);
  }
}

Problems ObjectStore::problems() const {
  Problems out;
  for (const auto& [key, problems] : problems_) {
    if (counts_(key.ns)) out.insert(out.end(), problems.begin(), problems.end());
  }
  return out;
}

Change ObjectStore::Current(const ResourceKey& key) const {
  const auto entry = objects_.find(key);
  const bool there = entry != objects_.end() && entry->second.counts;
  return there ? entry->second.object : Gone(key);
}

std::vector<ResourceKey> ObjectStore::Keys(const std::function<bool(const ResourceKey& key)>& which) const {
  std::vector<ResourceKey> out;
  for (const auto& [key, entry] : objects_) {
    if (which(key)) out.push_back(key);
  }
  for (const auto& [key, problems] : problems_) {
    if (which(key) && !objects_.contains(key)) out.push_back(key);
  }
  return out;
}

std::vector<Change> ObjectStore::All() const {
  std::vector<Change> out;
  for (const auto& [key, entry] : objects_) {
    if (entry.counts) out.push_back(entry.object);
  }
  return out;
}

}  // namespace k8sgw::cluster
