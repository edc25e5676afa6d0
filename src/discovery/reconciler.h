// Services and the Upstreams that stand in the API server → the writes that make the Upstreams what they should be.
//
// An Upstream is ours when it stands in the namespace for discovered ones with the label discovered_by:
// kubernetesplugin. Of ours, the Service and its port, the labels of the Service and what its annotations say are kept
// as they should be; everything else that people change in them stays. An Upstream of theirs that has the name of one
// of ours is never touched. Uninstalling leaves the Upstreams behind; so does switching discovery off.
//
// No I/O and no clock. Nothing is written, above all nothing deleted, before Complete.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/model/kubernetes.h"
#include "src/model/objects.h"

namespace k8sgw::discovery {

inline constexpr char kDiscoveredBy[] = "discovered_by";
inline constexpr char kOurPlugin[] = "kubernetesplugin";

// What Settings say.
struct Options {
  bool enabled = true;
  // Where discovered Upstreams stand.
  std::string write_namespace = "gloo-system";
  // Labels that a Service must have, unless its annotation gloo.solo.io/discover is "true".
  Labels watch_labels;
  Labels global_annotations;

  bool operator==(const Options&) const = default;
};
// `own_namespace` counts when Settings name none.
Options ReadOptions(const gloov1::Settings& settings, const std::string& own_namespace);

struct Write {
  enum class Kind { kCreate, kPatch, kDelete };
  Kind kind = Kind::kCreate;
  // Of the Upstream.
  std::string name;
  // JSON: the whole object, a merge patch that holds for the version it was made from, or "".
  std::string body;
  // Of what is deleted: another object of the same name is not.
  std::string uid{};
};

class Reconciler {
 public:
  explicit Reconciler(Options options);
  ~Reconciler();

  // Each says which names may have to be written by leaving them in TakeDirty.
  void SetOptions(Options options);
  // nullptr when it is gone.
  void SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service);
  // An Upstream in `write_namespace` as it is in the API server: its JSON, with yaml::kJsonPadding behind it.
  void SetStored(std::string_view padded);
  void RemoveStored(const std::string& name);
  // From now on, all Services and all Upstreams that there are have been told.
  void Complete();

  // Names that changed since the last call, in order; empty before Complete.
  std::set<std::string> TakeDirty();
  // What must be done about a name now; nullopt when it is as it should be.
  std::optional<Write> Decide(const std::string& name) const;

  // What is wrong with the annotations of Services, and which Services share a name.
  std::map<ServiceRef, std::vector<std::string>> Mistakes() const;

 private:
  struct Port;
  struct Stored;
  using PortKey = std::pair<ServiceRef, uint32_t>;

  bool IsWanted(const Object<core::Service>& service) const;
  void Unclaim(const ServiceRef& ref);
  void Claim(const ServiceRef& ref, const Object<core::Service>& service);
  // Of those who share a name: whom the stored Upstream stands for, else the first.
  const Port* OwnerOf(const std::string& name, const Stored* stored) const;
  std::string WholeObject(const std::string& name, const Port& wanted) const;
  // "" when there is nothing to do.
  std::string PatchFor(const Stored& stored, const Port& wanted) const;

  Options options_;
  bool complete_ = false;
  std::map<ServiceRef, Ptr<Object<core::Service>>> services_;
  // By the name of the Upstream: the ports that claim it.
  std::map<std::string, std::map<PortKey, Port>> wanted_;
  std::map<ServiceRef, std::set<std::string>> names_;
  std::map<std::string, Stored> stored_;
  std::set<std::string> dirty_;
};

}  // namespace k8sgw::discovery
