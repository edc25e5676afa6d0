// The objects of an API server as the graph gets them: decoded, in the watched namespaces, each in its last good
// version. Pure.
//
// - An object that cannot be decoded keeps the version before, and has Problems; also one that cannot even be read.
// - Objects of namespaces that do not count are kept, so that they are there when their namespace does.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/model/decode.h"
#include "src/model/objects.h"
#include "src/sources/kube/decode.h"

namespace k8sgw::cluster {

// Fields that are not read, as a yaml::SkipField: what kubectl notes for itself repeats the object, and the status and
// the managed fields are what the server and we write.
bool IsBookkeeping(int depth, std::string_view parent, std::string_view key);

class ObjectStore {
 public:
  using Counts = std::function<bool(const Name& ns)>;

  ObjectStore();
  ObjectStore(ObjectStore&&) noexcept;
  ObjectStore& operator=(ObjectStore&&) noexcept;
  ~ObjectStore();

  // Reads an object as the server sent it. It has a key in any case.
  static DecodedDocument Decode(const KindInfo& kind, const kube::RawObject& object);
  // Reads an object; kJsonPadding bytes behind `json` are readable. Its kind may be missing in the text, as it is in
  // lists.
  static DecodedDocument Decode(const KindInfo& kind, std::string_view json);
  // The object as it is now. Appends what that changes.
  void Put(const DecodedDocument& object, std::vector<Change>& changes);
  void Remove(const ResourceKey& key, std::vector<Change>& changes);
  // An earlier version of an object, which counts if nothing is known but that it is broken.
  void OfferLastGood(const Change& object, std::vector<Change>& changes);
  // There are no problems with the object any more, and the last good one stays.
  void Forgive(const ResourceKey& key);
  // Which namespaces count from now on; at first, all do.
  void SetNamespaces(Counts counts, std::vector<Change>& changes);

  // Those that `which` chooses, with their problems.
  ObjectStore Part(const std::function<bool(const ResourceKey& key)>& which) const;
  // Those of `before` that `which` chooses, where this has none.
  void Adopt(const ObjectStore& before, const std::function<bool(const ResourceKey& key)>& which);
  // This takes the place of `before`: appends what differs. What cannot be decoded here stays as it was there.
  void Succeed(ObjectStore before, std::vector<Change>& changes);

  // Whether problems() may be others than at the last call.
  bool TakeProblemsChanged() { return std::exchange(problems_changed_, false); }
  // What is wrong with objects that cannot be decoded, in the order of their keys.
  Problems problems() const;
  // The object as it counts now; gone when it does not.
  Change Current(const ResourceKey& key) const;
  // Whether it is there, and counts or not.
  bool Has(const ResourceKey& key) const { return objects_.contains(key); }
  // All that count.
  std::vector<Change> All() const;
  // Those that `which` chooses, whether they count or not.
  std::vector<ResourceKey> Keys(const std::function<bool(const ResourceKey& key)>& which) const;
  size_t size() const { return objects_.size(); }

 private:
  struct Entry {
    Change object;
    bool counts = false;
  };

  void Set(Change object, std::vector<Change>& changes);

  Counts counts_;
  std::map<ResourceKey, Entry> objects_;
  std::map<ResourceKey, Problems> problems_;
  bool problems_changed_ = false;
};

}  // namespace k8sgw::cluster
