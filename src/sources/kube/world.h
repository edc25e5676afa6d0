// What a consumer has been told about the objects of one kind, and the next complete set while it is being gathered.
// Pure. Of each object only a hash of its bytes is kept, so that equal bytes are told once, also after listing again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "src/sources/kube/decode.h"

namespace k8sgw::kube {

struct Event {
  enum class Kind { kUpsert, kDelete };
  Kind kind{};
  // Of a delete, the namespace and the name count. An upsert with another uid is another object of the same name.
  // `json` is readable, with its padding, until the source of the event is called again; empty for a delete.
  RawObject object;
  // What the consumer's Prepare made of it; nullptr when it was not asked, as for changes that are told at once.
  std::shared_ptr<const void> prepared{};
};

// The consumer's own work on an object, done while others are still coming. Pure; the bytes are good during the call.
using Prepare = std::function<std::shared_ptr<const void>(const RawObject& object)>;

// Changes that belong together.
struct Batch {
  // After these events the consumer knows a complete set that the server had, which replaces what it knew: all of them
  // must be applied at once. What has not changed is not repeated. Otherwise they are changes, each good by itself.
  bool sync = false;
  std::vector<Event> events;
};

class World {
 public:
  // A change as it happens; false when it says nothing new.
  bool Upsert(const RawObject& object);
  bool Delete(const ObjectMeta& meta);

  // Gathers the next complete set. What is staged is copied and prepared, but for objects that the consumer knows as
  // they are.
  void Stage(const RawObject& object, const Prepare& prepare = nullptr);
  void StageDelete(const ObjectMeta& meta);
  // Forgets what is staged. Events that were committed stay readable.
  void DropStage();
  // Nobody reads the committed events any longer: gives their bytes back.
  void FreeCommitted();
  // The staged set is the world now. Upserts are in the order in which they came, deletes after them in that of names.
  Batch Commit();

  size_t size() const { return known_.size(); }

 private:
  struct Staged {
    uint64_t hash = 0;
    size_t index = 0;  // in staged_events_; kKnown when the consumer knows it
  };
  static constexpr size_t kKnown = ~size_t{0};

  std::string_view Copy(std::string_view text);

  // By "namespace/name", which neither may contain.
  absl::flat_hash_map<std::string, uint64_t> known_;
  absl::flat_hash_map<std::string, Staged> staged_;
  std::vector<Event> staged_events_;
  std::deque<std::string> blocks_;
};

}  // namespace k8sgw::kube
