// The objects of a cluster on disk, each in its last good version: what a start knows before the API server answers.
//
// Kept without what others write into objects all the time, and what they note for themselves: status, managed fields,
// versions, what kubectl applied; of Pods and Nodes the labels alone, as nothing else of them is read and a cluster has
// many. It holds Secrets, too, so its file is for its owner alone.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "src/sources/cluster/watched_kind.h"
#include "src/sources/kube/world.h"
#include "src/sources/state/last_good.h"

namespace k8sgw::cluster {

class KeptObjects {
 public:
  // Behind `json`, yaml::kJsonPadding bytes are readable during the call.
  using Tell = std::function<void(std::string_view api_version, std::string_view plural, std::string_view json)>;

  explicit KeptObjects(std::unique_ptr<state::LastGoodTexts> texts);

  void ForEach(const Tell& tell) const;
  // When all of it was as it should be.
  std::chrono::system_clock::time_point as_of() const { return texts_->touched(); }

  // An object as it is now. It is written by Keep.
  void Observe(const WatchedKind& kind, const kube::Event& event);
  // Whether everything that there is of a kind in a namespace was observed.
  using Heard = std::function<bool(std::string_view api_version, std::string_view plural, const std::string& ns)>;
  // Of what is heard everything was observed: what was kept of others is forgotten.
  void Complete(const Heard& heard);
  // Writes at most `most` of what was observed, but not what is among `faulty`: of these, the version before stays
  // until they are good. Returns whether nothing else can be written now. Errors: see LastGoodTexts; nothing is lost,
  // it may be called again.
  absl::StatusOr<bool> Keep(const std::set<ResourceKey>& faulty, size_t most);
  // To be called now and then while the API server is heard.
  void Touch() { texts_->Touch(); }

 private:
  struct Observed {
    ResourceKey key;
    // nullopt when it is gone.
    std::optional<std::string> json;
    bool labels_alone = false;
  };
  // By the name of the text.
  using Queue = std::map<std::string, Observed>;

  const std::unique_ptr<state::LastGoodTexts> texts_;
  // Names that were kept by an earlier process and were not observed yet.
  std::set<std::string> unseen_;
  Queue due_;
  Queue faulty_;
};

}  // namespace k8sgw::cluster
