// What Envoys refuse, as far as it is in force: errors in the table of problems until the refused resource changes.
//
// Of Envoys that are connected here, an xds::Nack says it. Of those that are connected to other replicas, these do
// (src/replicas). The errors are the same ones, so what both say stands once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/envoy/translation.h"
#include "src/pipeline/problem_table.h"
#include "src/xds/engine.h"

namespace k8sgw {

// One resource of a role, the version that was refused ("" when that is not known), and who is to blame.
struct NackInForce {
  std::string role;
  xds::Type type{};
  std::string name;
  std::string version;
  Problems problems;

  bool operator==(const NackInForce&) const = default;
};

class Nacks {
 public:
  // What a role is served under this name; null when there is none.
  using Find = std::function<const xds::Resource*(const std::string& role, xds::Type type, const std::string& name)>;

  // The table outlives it.
  Nacks(ProblemTable& problems, Find find) : problems_(problems), find_(std::move(find)) {}

  // An Envoy that is connected here refused resources.
  void Report(const xds::Nack& nack, const envoy::Translation& envoy);
  // Another replica says this, in the place of all that it said before. What it says of another version than is served
  // here counts when that comes: one of us is behind.
  void SetOf(const std::string& replica, std::vector<NackInForce> nacks);
  // `update` is what `role` gets from now on: what was refused of it before counts no longer.
  void Settle(const std::string& role, const xds::Update& update);

  // Of Envoys that are connected here, in order.
  std::vector<NackInForce> Own() const;
  // Another number whenever Own may be another.
  uint64_t own_changes() const { return own_changes_; }

 private:
  void SettleOne(const std::string& role, xds::Type type, const std::string& name, const xds::Resource* now);
  void Place(const std::string& part, const std::string& replica, const NackInForce& nack, const xds::Resource* now);

  ProblemTable& problems_;
  const Find find_;
  // By part; those of others by part and replica, also while they do not count.
  std::map<std::string, NackInForce> own_;
  std::map<std::pair<std::string, std::string>, NackInForce> others_;
  uint64_t own_changes_ = 0;
};

}  // namespace k8sgw
