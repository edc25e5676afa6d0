// What goes wrong with the API server, and what is known about the truth meanwhile.
#include <iterator>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/sources/cluster/object_store.h"
#include "tests/simulation/kinds.h"
#include "tests/simulation/model_cluster.h"

namespace k8sgw::sim {
namespace {

using kube::testing::TestApiServer;
using std::chrono::milliseconds;

// The kinds whose definitions go and come back; what stays needs none of them.
constexpr Kind kDispensable[] = {Kind::kRouteTable, Kind::kUpstreamGroup, Kind::kRouteOption, Kind::kVirtualHostOption};

}  // namespace

void ModelCluster::Refuse(int code) {
  if (starting_ && (code == 403 || code == 404)) code = 0;
  if (code == 404) {
    const int lasts = random_.Below(20'000);
    missing_until_ = clock_.now() + milliseconds(1000 + (lasts % 3 == 0 ? 15 * lasts : lasts));
  }
  const bool all = random_.OneIn(2);
  say_(Cat(all ? "all" : "some", " collections answer ", code));
  server_.ForEach([&](const auto&, TestApiServer& server) {
    if (!all && !random_.OneIn(4)) return;
    server.refuse_with = code;
    server.lose_tokens = random_.OneIn(3);
    server.repeat_events = random_.OneIn(3);
    server.has_initial_events = !random_.OneIn(2);
    if (random_.OneIn(3)) server.Compact();
    // Streams do not live through every change.
    if (random_.OneIn(3)) server.Close();
  });
}

void ModelCluster::ChangeFaults() {
  constexpr int kCodes[] = {0, 0, 0, 0, 401, 403, 404, 404, 410, 429, 500, 503, 504};
  write_fault_ = random_.OneIn(2) ? 0 : random_.Below(8);
  if (in_front_until_) return;
  switch (random_.Below(9)) {
    case 0:
      ++ways_.outages;
      server_.away = true;
      away_until_ = clock_.now() + OutageLasts();
      return say_("the API server is away");
    case 1: return Uninstall();
    case 2: return StandInFront();
    default: return Refuse(kCodes[random_.Below(static_cast<int>(std::size(kCodes)))]);
  }
}

milliseconds ModelCluster::OutageLasts() {
  if (random_.OneIn(20)) return std::chrono::hours(1 + random_.Below(3));
  return milliseconds(1000 + random_.Below(random_.OneIn(3) ? 200'000 : 10'000));
}

bool ModelCluster::StaysAway() const {
  const Time for_long = clock_.now() + std::chrono::minutes(10);
  return away_until_ > for_long || in_front_until_ > for_long;
}

// Something in front of the server answers in its place that there is nothing.
void ModelCluster::StandInFront() {
  if (starting_) return;
  ++ways_.stand_ins;
  in_front_until_ = clock_.now() + OutageLasts();
  server_.ForEach([](const auto&, TestApiServer& server) {
    server.refuse_with = 404;
    server.Close();
  });
  say_("all collections answer 404, in the place of the API server");
}

void ModelCluster::EndStandIn() {
  if (!in_front_until_) return;
  in_front_until_.reset();
  server_.ForEach([](const auto&, TestApiServer& server) { server.refuse_with = 0; });
}

void ModelCluster::Uninstall() {
  const Kind kind = kDispensable[random_.Below(static_cast<int>(std::size(kDispensable)))];
  if (comes_back_.contains(kind)) return;
  ++ways_.uninstalled;
  say_(Cat("the definition goes: ", KindName(kind)));
  comes_back_[kind] = clock_.now() + milliseconds(1000 + random_.Below(150'000));
  std::erase_if(items_, [&](const auto& entry) {
    if (entry.first.kind != kind) return false;
    absent_[entry.first] = clock_.now();
    return true;
  });
  server_.ForEach([&](const auto& path, TestApiServer& server) {
    if (path.first == KindOf(kind)->info->plural) server.Uninstall();
  });
}

void ModelCluster::Turn() {
  if (away_until_ && clock_.now() >= *away_until_) {
    away_until_.reset();
    server_.away = false;
    say_("the API server is back");
  }
  if (in_front_until_ && clock_.now() >= *in_front_until_) EndStandIn();
  if (missing_until_ && clock_.now() >= *missing_until_) {
    missing_until_.reset();
    server_.ForEach([](const auto&, TestApiServer& server) {
      if (server.refuse_with == 404) server.refuse_with = 0;
    });
  }
  std::erase_if(comes_back_, [&](const auto& entry) {
    if (clock_.now() < entry.second) return false;
    say_(Cat("the definition is back: ", KindName(entry.first)));
    server_.ForEach([&](const auto& path, TestApiServer& server) {
      if (path.first == KindOf(entry.first)->info->plural) server.installed = true;
    });
    return true;
  });
}

void ModelCluster::SetStarting(bool starting) {
  starting_ = starting;
  if (!starting) return;
  EndStandIn();
  missing_until_.reset();
  server_.ForEach([](const auto&, TestApiServer& server) {
    if (server.refuse_with == 403 || server.refuse_with == 404) server.refuse_with = 0;
  });
}

void ModelCluster::EndFaults() {
  say_("faults end");
  write_fault_ = 0;
  server_.calm = true;
  server_.away = false;
  away_until_.reset();
  missing_until_.reset();
  in_front_until_.reset();
  for (auto& [kind, time] : comes_back_) time = clock_.now();
  Turn();
  server_.ForEach([](const auto&, TestApiServer& server) {
    server.refuse_with = 0;
    server.lose_tokens = server.repeat_events = false;
  });
}

void ModelCluster::ActOnNamespaces() {
  ++ways_.namespaces;
  const std::string ns = random_.Pick({"default", "other", "other"});
  if (ns == "other" && labels_.contains(ns) && random_.OneIn(2)) {
    say_("a namespace goes");
    std::vector<ResourceKey> keys;
    for (const auto& [key, item] : items_) {
      if (key.ns.str() == ns) keys.push_back(key);
    }
    for (const ResourceKey& key : keys) Delete(key);
    labels_.erase(ns);
    for (TestApiServer& server : server_.ServersOf("namespaces", "")) server.Delete(ns);
    return NoteCounting();
  }
  say_(Cat("the labels of a namespace: ", ns));
  PutNamespace(ns, random_.OneIn(3) ? "no" : "yes-please");
}

void ModelCluster::PutNamespace(const std::string& name, const char* label) {
  labels_[name] = label;
  const std::string json = Cat(R"({"metadata":{"name":")", name, R"(","uid":"uid-)", name,
                               R"(","resourceVersion":"@version@","labels":{"watch":")", label, "\"}}}");
  for (TestApiServer& server : server_.ServersOf("namespaces", "")) server.Put(name, json);
  NoteCounting();
}

Labels ModelCluster::LabelsOf(const std::string& ns) const {
  const auto found = labels_.find(ns);
  return found == labels_.end() ? Labels() : Labels{{"watch", found->second}};
}

// Settings that cannot be decoded, or are deleted, leave those before them in force.
void ModelCluster::NotePolicy(const ResourceKey& key) {
  if (key.kind != Kind::kSettings || key.name.str() != "default") return;
  const DecodedDocument decoded =
      cluster::ObjectStore::Decode(*KindOf(key.kind)->info, yaml::Padded(JsonOf(key)).view());
  if (decoded.objects.empty()) return;
  policy_ = cluster::NamespacePolicy::Read(decoded.objects.front().As<gloov1::Settings>()->spec, kOwnNamespace);
  NoteCounting();
}

void ModelCluster::NoteCounting() {
  policies_.push_back(policy_);
  for (const char* ns : {"default", "other"}) {
    std::vector<Labels>& all = all_labels_[ns];
    all.push_back(LabelsOf(ns));
    for (const cluster::NamespacePolicy& policy : policies_) {
      for (const Labels& labels : all) {
        if (!policy.Counts(ns, labels)) uncounted_[ns] = clock_.now();
      }
    }
  }
}

void ModelCluster::NoteCaughtUp() {
  caught_up_ = clock_.now();
  policies_.clear();
  all_labels_.clear();
  NoteCounting();
}

bool ModelCluster::WasThere(const ResourceKey& key) const {
  const auto absent = absent_.find(key);
  const auto uncounted = uncounted_.find(key.ns.str());
  return items_.contains(key) && absent->second < caught_up_ &&
         (uncounted == uncounted_.end() || uncounted->second < caught_up_);
}

ClusterWays ModelCluster::ways() const {
  ClusterWays ways = ways_;
  ways.cuts = server_.cuts;
  ways.refusals = server_.refusals;
  ways.asked_what_is_served = server_.asked_what_is_served;
  return ways;
}

}  // namespace k8sgw::sim
