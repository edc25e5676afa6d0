// Services and the Upstreams that stand in the API server → the writes that make the Upstreams what they should be.
//
// An Upstream is ours when it stands in the namespace for discovered ones with the label discovered_by:
// kubernetesplugin. Of ours, the Service and its port, the labels of the Service and what its annotations say are kept
// as they should be; everything else that people change in them stays. An Upstream of theirs that has the name of one
// of ours is never touched. Uninstalling leaves the Upstreams behind; so does switching discovery off, or moving it to
// another namespace.
//
// No I/O and no clock. Nothing is written before Complete, and nothing follows from what cannot be heard: see SetHeard.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/model/kubernetes.h"
#include "src/model/objects.h"
#include "src/model/report.h"

namespace k8sgw::discovery {

struct StoredUpstream;

// What Settings say.
struct Options {
  bool enabled = true;
  // Where discovered Upstreams stand.
  std::string write_namespace = "gloo-system";
  // Labels that a Service must have, unless its annotation gloo.solo.io/discover is "true".
  Labels watch_labels;
  Labels global_annotations;
  // Labels of namespaces decide whose Services count.
  bool labels_choose_namespaces = false;

  bool operator==(const Options&) const = default;
};
// `own_namespace` counts when Settings name none.
Options ReadOptions(const gloov1::Settings& settings, const std::string& own_namespace);

struct Write {
  enum class Kind { kCreate, kPatch, kDelete };
  Kind kind = Kind::kCreate;
  UpstreamRef upstream;
  // JSON: the whole object, a merge patch that holds for the version it was made from, or "".
  std::string body;
  // Of what is deleted: another object of the same name is not, nor one that somebody has changed since.
  std::string uid{};
  std::string version{};
};

class Reconciler {
 public:
  explicit Reconciler(Options options);
  ~Reconciler();

  // Each says which names may have to be written by leaving them in TakeDirty.
  void SetOptions(Options options);
  // nullptr when it is gone.
  void SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service);
  // An Upstream of any namespace as it is in the API server: its JSON, with yaml::kJsonPadding behind it. Returns
  // which it is; without a name, what cannot be read.
  UpstreamRef SetStored(std::string_view padded);
  void RemoveStored(const UpstreamRef& ref);
  // From now on, all Services and all Upstreams that there are have been told.
  void Complete();
  // Whether the watch of "services", "upstreams" or "namespaces" in a namespace, or in all of them (""), has told what
  // there is; others count as heard, and so must those that ended. A watch that was never heard, as when the right to
  // it is missing, says nothing about what is not there: without Upstreams nothing is written, and without Services
  // nothing is deleted that stands for them.
  void SetHeard(std::string_view plural, const std::string& ns, bool heard);

  // All names that there are will be looked at again.
  void MarkAll();
  // Names that changed since the last call, in order; empty before Complete.
  std::set<std::string> TakeDirty();
  // What must be done about a name now; nullopt when it is as it should be.
  std::optional<Write> Decide(const std::string& name) const;

  const Options& options() const { return options_; }
  // Warnings on Services: what is wrong with their annotations, and which share a name. Each once, in order; none while
  // discovery is switched off.
  Problems problems() const;
  // Whether they may be others than at the last call; false before Complete.
  bool TakeProblemsChanged() { return complete_ && std::exchange(problems_changed_, false); }

 private:
  using PortKey = std::pair<ServiceRef, uint32_t>;
  struct Port {
    Ptr<gloov1::Upstream> spec;
    Ptr<Labels> annotations;  // one for all ports of the Service
  };
  using Ports = std::map<PortKey, Port>;

  bool IsWanted(const Object<core::Service>& service) const;
  void Unclaim(const ServiceRef& ref);
  void Claim(const ServiceRef& ref, const Object<core::Service>& service);
  // To be called whenever what is known about the name has changed.
  void Touch(const std::string& name);
  bool IsUnheard(const std::string& plural, const std::string& ns) const;
  // Whether what is known speaks against the Service that it stands for.
  bool MayGo(const StoredUpstream& stored) const;
  const StoredUpstream* FindStored(const std::string& name) const;
  // Of those who share a name: whom the stored Upstream stands for, else the first.
  const Ports::value_type* OwnerOf(const std::string& name) const;

  Options options_;
  bool complete_ = false;
  bool problems_changed_ = true;
  // Watches that have not told what there is: the plural and the namespace.
  std::set<std::pair<std::string, std::string>> unheard_;
  std::map<ServiceRef, Ptr<Object<core::Service>>> services_;
  // By the name of the Upstream: the ports that claim it.
  std::map<std::string, Ports> wanted_;
  std::map<ServiceRef, std::set<std::string>> names_;
  std::map<ServiceRef, std::vector<std::string>> mistakes_;
  // By namespace and name. Those of other namespaces are there for when discovery moves.
  std::map<std::string, std::map<std::string, StoredUpstream>> stored_;
  // Names that somebody claims who does not have them.
  std::set<std::string> contested_;
  std::set<std::string> dirty_;
};

}  // namespace k8sgw::discovery
