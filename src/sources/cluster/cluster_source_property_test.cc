// Many seeded lives of a ClusterSource beside models of an API server that break as real ones do, while objects,
// namespaces and Settings change. What it tells must never go back in time, lose an object that was there all the
// time, or hold one that does not count; and when the faults end, it is what the server has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/model/kubernetes.h"
#include "src/sources/cluster/cluster_source.h"
#include "src/sources/kube/test_watches.h"

namespace k8sgw::cluster {
namespace {

using kube::testing::ModelApiServer;
using kube::testing::TestApiServer;
using Time = kube::Reflector::Time;
using std::chrono::milliseconds;

constexpr char kOwn[] = "gloo-system";
// Longer than a life: whoever could not hear may still be at its beginning.
constexpr std::chrono::minutes kLag(10);

// How often each way was gone in all lives: a test that does not go there proves nothing.
struct Seen {
  int worlds = 0;
  int upserts = 0;
  int deletes = 0;
  int policies = 0;
  int cuts = 0;
  int refusals = 0;
  int forbidden = 0;
  int missing = 0;
  int recalled = 0;
  int early = 0;
  int gone_again = 0;
  int asked_what_is_served = 0;
};

// "a.u1" is u1 in a. What it is stands in its spec (Settings), in its labels (Namespaces, which are in none), or is the
// number of its version, in a label.
std::string Write(std::string_view name, std::string_view version, std::string_view what) {
  const size_t dot = name.find('.');
  const bool of_cluster = dot == std::string_view::npos;
  const bool settings = !of_cluster && what.starts_with('{');
  const std::string labels = of_cluster ? std::string(what) : settings ? "{}" : Cat(R"({"serial":")", what, "\"}");
  const std::string ns = of_cluster ? "" : Cat(R"(","namespace":")", name.substr(0, dot));
  return Cat(R"({"metadata":{"name":")", of_cluster ? name : name.substr(dot + 1), ns, R"(","resourceVersion":")",
             version, R"(","uid":"u-)", name, R"(","labels":)", labels, "},\"spec\":", settings ? what : "{}", "}");
}

class Life {
 public:
  Life(uint64_t seed, Seen& seen)
      : random_(seed), seen_(seen), settings_change_(Below(2) == 0), kinds_vanish_(OneIn(4)), recalls_(OneIn(3)) {
    for (const char* ns : {kOwn, "a", "b"}) PutNamespace(ns);
    if (OneIn(2)) PutSettings();
    for (int i = Below(40); i > 0; --i) Mutate();
    start_ = server_.now;
    source_.emplace(server_.Followed(), ClusterSource::Options{},
                    ClusterSource::Consumer{[](const WatchedKind&, const kube::Event&) {},
                                            [](const WatchedKind&, const std::string&, const kube::Health&) {}});
    if (recalls_) Recall();
    // What comes now was not there at the start.
    server_.now += milliseconds(1);
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      if (OneIn(3)) Mutate();
      if (OneIn(15)) ChangeFaults();
      if (OneIn(6)) PutNamespace(OneIn(2) ? "a" : "b");
      if (settings_change_ && OneIn(25)) PutSettings();
      Turn(OneIn(60) ? 40'000 : Below(300));
    }
    Recover();
    seen_.cuts += server_.cuts;
    seen_.refusals += server_.refusals;
    seen_.asked_what_is_served += server_.asked_what_is_served;
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  // Told before the first world.
  std::set<ResourceKey> early_;

  struct Truth {
    // 0 while there is none.
    int serial = 0;
    Time written{};
    // The last moment without it.
    Time absent{};
  };
  struct Told {
    int serial = 0;
    bool there = false;
  };

  // What there is now is what an earlier process knew.
  void Recall() {
    const auto recall = [&](const char* api_version, const char* plural, const std::string& ns) {
      for (const auto& [name, json] : server_.ServersOf(plural, ns).front().states().back()) {
        source_->Recall(api_version, plural, yaml::Padded(json).view());
      }
    };
    recall("v1", "namespaces", "");
    recall("gloo.solo.io/v1", "settings", kOwn);
    recall("gloo.solo.io/v1", "upstreams", "");
    recall("v1", "services", "");
    for (const Change& change : source_->TakeRecalled()) {
      if (truth_.contains(change.key)) told_[change.key] = {truth_[change.key].serial, true};
      ++seen_.recalled;
    }
  }

  void Mutate() {
    const std::string ns = Pick({kOwn, "a", "b"});
    const bool service = OneIn(2);
    const std::string plural = service ? "services" : "upstreams";
    const std::string name = Cat("o", Below(4));
    Truth& truth = truth_[{service ? Kind::kService : Kind::kUpstream, ns, name}];
    if (OneIn(3)) {
      server_.Everywhere(plural, ns, [&](TestApiServer& server) { server.Delete(Cat(ns, ".", name)); });
      truth.serial = 0;
      truth.absent = server_.now;
    }
    if (OneIn(4)) return;
    if (truth.serial == 0) truth.absent = server_.now;
    truth.serial = ++serial_;
    server_.Everywhere(plural, ns,
                       [&](TestApiServer& server) { server.Put(Cat(ns, ".", name), std::to_string(serial_)); });
  }
  void PutNamespace(const std::string& name) {
    labels_[name] = Pick({"no", "yes", "yes"});
    for (TestApiServer& server : server_.ServersOf("namespaces", "")) {
      server.Put(name, Cat(R"({"watch":")", labels_[name], "\"}"));
    }
    NotePolicy();
  }
  void PutSettings() {
    settings_ =
        Pick({"{}", R"({"watchNamespaces":["a"]})", R"({"watchNamespaces":["b"]})", R"({"watchNamespaces":["a","b"]})",
              R"({"watchNamespaceSelectors":[{"matchLabels":{"watch":"yes"}}]})"});
    for (TestApiServer& server : server_.ServersOf("settings", kOwn)) server.Put(Cat(kOwn, ".default"), settings_);
    NotePolicy();
    ++seen_.policies;
  }
  const char* Pick(std::initializer_list<const char*> all) { return all.begin()[Below(static_cast<int>(all.size()))]; }
  bool BySelectors() const { return settings_.find("Selectors") != std::string::npos; }
  bool Counts(const std::string& ns) const {
    if (ns == kOwn) return true;
    if (settings_.find("watchNamespaces\"") != std::string::npos) {
      return settings_.find("\"" + ns + "\"") != std::string::npos;
    }
    return !BySelectors() || labels_.at(ns) == "yes";
  }
  // Remembers when a namespace did not count.
  void NotePolicy() {
    for (const auto& [ns, labels] : labels_) {
      if (!Counts(ns)) uncounted_[ns] = server_.now;
    }
  }
  bool CountedAllTheTime(const std::string& ns) const {
    const auto last = uncounted_.find(ns);
    return Counts(ns) && (last == uncounted_.end() || last->second + kLag < server_.now);
  }

  void ChangeFaults() {
    constexpr int kCodes[] = {0, 0, 0, 0, 0, 401, 403, 403, 404, 410, 429, 500, 503, 504};
    int code = kCodes[Below(std::size(kCodes))];
    if (code == 404 && !kinds_vanish_) code = 403;
    if (code == 404) ++seen_.missing;
    const bool all = OneIn(2);
    if (code == 403) ++seen_.forbidden;
    server_.ForEach([&](const auto&, TestApiServer& server) {
      if (!all && !OneIn(4)) return;
      server.refuse_with = code;
      server.lose_tokens = OneIn(3);
      server.repeat_events = OneIn(3);
      server.has_initial_events = !OneIn(2);
      if (OneIn(3)) server.Compact();
    });
    refused_ = refused_ || code == 403 || code == 404;
  }

  void Turn(int ms) {
    server_.now += milliseconds(ms);
    NotePolicy();
    server_.Turn();
    if (OneIn(100)) source_->Poke();
    Take();
  }

  void Take() {
    const bool first = !source_->complete();
    for (const Change& change : source_->TakeEarly()) {
      EXPECT_TRUE(first) << "early, but the world is there already";
      EXPECT_FALSE(change.gone());
      EXPECT_TRUE(early_.insert(change.key).second) << change.key.ToString() << " is told twice before the first world";
      ++seen_.early;
    }
    const std::optional<std::vector<Change>> changes = source_->Take();
    if (!changes) return;
    for (const Change& change : *changes) {
      const bool early = early_.erase(change.key) > 0;
      if (early && change.gone()) {
        ++seen_.gone_again;
      } else {
        change.gone() ? Delete(change.key) : Upsert(change);
      }
    }
    EXPECT_TRUE(early_.empty()) << "the first world says nothing of what was told before it";
    if (!first) return;
    ++seen_.worlds;
    // Without a memory, a world without what is refused for long is all that can be told; and with one, the labels of
    // namespaces may be old.
    if (refused_ && (!recalls_ || BySelectors())) return;
    for (const auto& [key, truth] : truth_) {
      if (truth.serial == 0 || truth.absent > start_ || !CountedAllTheTime(key.ns.str())) continue;
      EXPECT_TRUE(told_[key].there) << key.ToString() << " is missing in the first world";
    }
  }
  void Upsert(const Change& change) {
    if (change.key.kind != Kind::kService && change.key.kind != Kind::kUpstream) return;
    const Labels& labels =
        change.key.kind == Kind::kService ? change.As<core::Service>()->labels : change.As<gloov1::Upstream>()->labels;
    const int serial = std::stoi(labels.at("serial"));
    ++seen_.upserts;
    Told& told = told_[change.key];
    // What the watches of another policy were refused, after they had heard it once, may be older.
    EXPECT_TRUE(!told.there || (settings_change_ && refused_) || serial >= told.serial)
        << change.key.ToString() << " went back in time";
    EXPECT_FALSE(told.there && told.serial == serial) << change.key.ToString() << " is told twice";
    told = {serial, true};
  }
  void Delete(const ResourceKey& key) {
    Told& told = told_[key];
    EXPECT_TRUE(std::exchange(told.there, false)) << key.ToString() << " was not there";
    ++seen_.deletes;
    const bool was_away = truth_[key].serial == 0 || truth_[key].absent + kLag > server_.now;
    EXPECT_TRUE(was_away || !CountedAllTheTime(key.ns.str()))
        << key.ToString() << " was there all the time, and is told to be gone";
  }

  void Recover() {
    server_.calm = true;
    server_.ForEach([](const auto&, TestApiServer& server) {
      server.refuse_with = 0;
      server.lose_tokens = server.repeat_events = false;
    });
    for (int i = 0; i < 600 && !::testing::Test::HasFailure(); ++i) Turn(500);
    EXPECT_TRUE(source_->complete());
    EXPECT_THAT(source_->problems(), ::testing::IsEmpty());
    for (const auto& [key, truth] : truth_) {
      const bool there = truth.serial != 0 && Counts(key.ns.str());
      EXPECT_EQ(told_[key].there, there) << key.ToString() << " at the end";
      EXPECT_TRUE(!there || told_[key].serial == truth.serial) << key.ToString() << " is an old one at the end";
    }
  }

  std::mt19937_64 random_;
  Seen& seen_;
  const bool settings_change_;
  const bool kinds_vanish_;
  const bool recalls_;
  ModelApiServer server_{Write, [this](int n) { return Below(n); }, Time{std::chrono::hours(1)}};
  std::map<ResourceKey, Truth> truth_;
  std::map<ResourceKey, Told> told_;
  std::map<std::string, std::string> labels_;
  std::map<std::string, Time> uncounted_;
  std::string settings_ = "{}";
  int serial_ = 0;
  bool refused_ = false;
  Time start_;
  std::optional<ClusterSource> source_;
};

TEST(ClusterSourcePropertyTest, WhatItTellsIsWhatTheServerHad) {
  const char* chosen = std::getenv("CLUSTER_SEED");
  const char* lives = std::getenv("CLUSTER_LIVES");
  const uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const uint64_t count = chosen != nullptr ? 1 : lives != nullptr ? std::strtoull(lives, nullptr, 10) : 300;
  Seen seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(Cat("CLUSTER_SEED=", seed, " repeats this life"));
    Life(seed, seen).Run(300);
    if (HasFailure()) return;
  }
  if (chosen != nullptr) return;
  EXPECT_EQ(seen.worlds, static_cast<int>(count));
  EXPECT_GT(seen.upserts, 1000);
  EXPECT_GT(seen.deletes, 500);
  EXPECT_GT(seen.policies, 100);
  EXPECT_GT(seen.early, 100);
  EXPECT_GT(seen.gone_again, 0);
  EXPECT_GT(seen.cuts, 1000);
  EXPECT_GT(seen.refusals, 1000);
  EXPECT_GT(seen.forbidden, 50);
  EXPECT_GT(seen.missing, 20);
  EXPECT_GT(seen.asked_what_is_served, 10);
  EXPECT_GT(seen.recalled, 100);
}

}  // namespace
}  // namespace k8sgw::cluster
