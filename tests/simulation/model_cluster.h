// A cluster: what users, controllers and operators do to it, and an API server that breaks as real ones do.
//
// Objects are those of objects.h, as an API server would keep them: with uid, generation and the time of their making.
// Statuses are a part of the object, as in the published definitions, so each write of one counts as a generation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/model/resource.h"
#include "src/sources/cluster/namespaces.h"
#include "src/sources/kube/test_watches.h"
#include "src/sources/kube/writer.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/random.h"

namespace k8sgw::sim {

inline constexpr char kOwnNamespace[] = "gloo-system";
// The name of objects that are there all the time, and good. No Envoy may ever lose what is made of them.
inline constexpr char kStays[] = "stays";

// How often each way was gone: a test that does not go there proves nothing.
struct ClusterWays {
  int applied = 0;
  int anew = 0;  // deleted and made again in the same moment
  int broken = 0;
  int bursts = 0;
  int policies = 0;
  int namespaces = 0;
  int foreign = 0;   // entries of other writers
  int taken = 0;     // our entries, changed by others
  int refusals = 0;  // answers of watches
  int cuts = 0;
  int outages = 0;
  int stand_ins = 0;  // 404 for everything
  int uninstalled = 0;
  int asked_what_is_served = 0;
  int patches = 0;
  int effective = 0;  // patches that changed something
  int failed = 0;
  int lost = 0;   // done, but the answer was lost
  int stale = 0;  // for an object that is another by now
};

class ModelCluster {
 public:
  using Time = Clock::Time;
  using Tell = std::function<void(std::string)>;

  // `say` is told what happens, `complain` what must not.
  ModelCluster(uint64_t seed, const Clock& clock, Tell say, Tell complain);

  // --- what happens to it
  // One thing that people or machines do; some are many writes in the same moment.
  void Act();
  void ChangeFaults();
  // What has had its time ends, at the latest at the next call.
  void Turn();
  void EndFaults();
  // The outage of now lasts for more than ten minutes.
  bool StaysAway() const;
  // Who starts without a memory takes refusals of a kind at their word, so there are none while it does.
  void SetStarting(bool starting);
  // All that has happened has been heard.
  void NoteCaughtUp();

  // --- the API server
  kube::testing::ModelApiServer& server() { return server_; }
  // A merge patch that is meant for the object with this uid.
  kube::WriteResult Patch(const kube::WriteRequest& request, const std::string& uid);

  // --- the truth
  struct Item {
    std::string text;
    yaml::Node object;
    std::string uid;
    int64_t generation = 0;
    // What another controller says in its entry; 0 when it says nothing.
    int foreign = 0;
  };
  const std::map<ResourceKey, Item>& items() const { return items_; }
  std::string JsonOf(const ResourceKey& key) const { return yaml::EmitJson(items_.at(key).object, 0); }
  Labels LabelsOf(const std::string& ns) const;
  // It has been there, in a namespace that counts, since everything was heard the last time.
  bool WasThere(const ResourceKey& key) const;
  ClusterWays ways() const;

 private:
  bool Apply(const std::string& text);
  void Delete(const ResourceKey& key);
  void Publish(const ResourceKey& key);
  void Merge(const ResourceKey& key, const std::string& patch);
  void Edit(const ResourceKey& key);
  void ActOnNamespaces();
  void PutNamespace(const std::string& name, const char* label);
  void WriteStatus(const ResourceKey& key);
  void NotePolicy(const ResourceKey& key);
  void NoteCounting();
  void Refuse(int code);
  std::chrono::milliseconds OutageLasts();
  void StandInFront();
  void EndStandIn();
  void Uninstall();
  std::optional<ResourceKey> Any();
  kube::WriteResult Fail(int code);

  const Clock& clock_;
  const Tell say_;
  const Tell complain_;
  Random random_;
  kube::testing::ModelApiServer server_;
  std::map<ResourceKey, Item> items_;
  std::map<std::string, std::string> labels_;  // of namespaces
  cluster::NamespacePolicy policy_;
  // Since everything was heard. Kinds are not heard in the order of what happened, so any of these may meet any other.
  std::vector<cluster::NamespacePolicy> policies_;
  std::map<std::string, std::vector<Labels>> all_labels_;
  int uids_ = 0;
  int foreign_ = 0;

  // Faults.
  bool starting_ = false;
  int write_fault_ = 0;
  std::optional<Time> away_until_;
  std::optional<Time> missing_until_;
  std::optional<Time> in_front_until_;
  std::map<Kind, Time> comes_back_;

  Time caught_up_{};
  std::map<ResourceKey, Time> absent_;
  std::map<std::string, Time> uncounted_;
  ClusterWays ways_;
};

}  // namespace k8sgw::sim
