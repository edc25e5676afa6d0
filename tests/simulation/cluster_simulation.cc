#include "tests/simulation/cluster_simulation.h"

#include <fmt/core.h>

#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "src/base/text.h"
#include "src/envoy/resource.h"
#include "tests/simulation/cluster_truth.h"
#include "tests/simulation/consistency.h"
#include "tests/simulation/references.h"

namespace k8sgw::sim {
namespace {

using namespace std::chrono_literals;

// Longer than the longest pause between two writes of an object, and than listeners are kept back for tables that an
// Envoy does not ask for and, after that, take to drain.
constexpr auto kToCalmDown = 90min;
constexpr auto kRest = 30min;
constexpr auto kLateness = 1min;
// Of what an object with the name kStays becomes.
constexpr char kCluster[] = "stays_gloo-system";
constexpr char kPort[] = "9000";

bool IsFilled(const xds::Resource& endpoints) {
  static std::map<std::string, bool> known;
  const auto [it, fresh] = known.try_emplace(endpoints.version);
  if (fresh) {
    it->second = envoy::Parse<::envoy::config::endpoint::v3::ClusterLoadAssignment>(endpoints).endpoints_size() > 0;
  }
  return it->second;
}

class Life {
 public:
  Life(uint64_t seed, int steps, bool verbose)
      : fleet_(seed ^ 0xf1ee7, verbose),
        cluster_(
            seed, fleet_.clock(), [this](const std::string& what) { fleet_.Say(what); },
            [this](std::string what) { fleet_.Complain(std::move(what)); }),
        steps_(steps),
        restarts_(fleet_.random().OneIn(2)) {}

  ClusterResult Go() {
    Start();
    fleet_.clock().After(1ms, [this] { Act(); });
    Turn();
    while (!over_ && fleet_.Step()) {
    }
    ClusterResult result{fleet_.result(), cluster_.ways(), ways_, compared_};
    gloo_.reset();
    return result;
  }

 private:
  Random& random() { return fleet_.random(); }
  Clock::Time Now() { return fleet_.clock().now(); }

  void Start() {
    fleet_.Say("the control plane starts");
    gloo_.emplace(cluster_, fleet_, ways_, verdicts_);
  }

  void Turn() {
    cluster_.Turn();
    if (gloo_) gloo_->Turn();
    if (gloo_ && gloo_->complete() && gloo_->caught_up()) {
      cluster_.NoteCaughtUp();
      if (!calm_until_ && random().OneIn(8)) Compare();
    }
    NoteBeginning();
    CheckStays();
    if (calm_until_ && Now() >= *calm_until_) return CheckCalm();
    Later();
  }
  void Later() {
    const bool quick = !calm_until_ || *calm_until_ - Now() > kToCalmDown - 1min;
    fleet_.clock().After(Clock::Duration(1 + random().Below(quick ? 200 : 2000)), [this] { Turn(); });
  }

  void Act() {
    if (step_++ == steps_) {
      cluster_.EndFaults();
      fleet_.Calm();
      calm_until_ = Now() + kToCalmDown;
      return;
    }
    cluster_.Act();
    if (random().OneIn(5)) cluster_.ChangeFaults();
    if (restarts_ && random().OneIn(40) && gloo_) Restart();
    fleet_.clock().After(Clock::Duration(1 + random().Below(Pause())), [this] { Act(); });
  }
  // In milliseconds: things come one after the other, or not for a while; and hours pass when nobody is heard for
  // hours.
  int Pause() {
    if (cluster_.StaysAway()) return 1'800'000;
    return random().OneIn(12) ? 60'000 : random().OneIn(3) ? 3000 : 100;
  }

  void Restart() {
    fleet_.Say("the control plane ends");
    restarted_ = true;
    began_ = began_without_ = false;
    gloo_.reset();
    fleet_.clock().After(Clock::Duration(1 + random().Below(3000)), [this] { Start(); });
  }

  void Compare() {
    ++compared_;
    const std::string difference = FreshStart(cluster_, *gloo_, gloo_->memory()).DifferenceTo(*gloo_);
    if (!difference.empty()) fleet_.Complain("not as from scratch: " + difference);
  }

  // What was there all the time no Envoy may ever lose.
  void CheckStays() {
    for (const auto& envoy : fleet_.envoys()) {
      if (envoy->traits().role != kProxyRole) continue;
      std::set<std::string> has;
      if (envoy->held(xds::Type::kCluster).contains(kCluster)) has.insert("the cluster");
      for (const auto& [name, listener] : envoy->held(xds::Type::kListener)) {
        if (name.find(kPort) != std::string::npos) has.insert("the listener");
      }
      for (const auto& [name, routes] : envoy->held(xds::Type::kRoute)) {
        // With the module, it goes from one table to others and back. Without its listener it leads nowhere, and may
        // stay for as long as the Envoy refuses what comes instead.
        if (!envoy->traits().module && has.contains("the listener") && name.find(kPort) != std::string::npos &&
            ReferencesOf(*routes).clusters.contains(kCluster))
          has.insert("the route");
      }
      const auto& endpoints = envoy->held(xds::Type::kEndpoint);
      if (const auto found = endpoints.find(kCluster); found != endpoints.end() && IsFilled(*found->second)) {
        has.insert("the endpoints");
      }
      std::set<std::string>& had = had_[envoy->traits().id];
      for (const std::string& what : had) {
        if (!has.contains(what) && !MayGo()) fleet_.Complain(envoy->traits().id + " has lost " + what);
      }
      had = std::move(has);
    }
  }
  // Settings can be such that no listener can be made with them, and a new process has no earlier one; until it has
  // heard of better Settings.
  bool MayGo() {
    return restarted_ && gloo_ && (began_without_ || !HasListener(FreshStart(cluster_, *gloo_, {}).pipeline()));
  }

  void NoteBeginning() {
    if (!restarted_ || !gloo_ || !gloo_->complete()) return;
    const bool has = HasListener(gloo_->pipeline());
    if (!std::exchange(began_, true)) {
      began_without_ = !has && !HasListener(FreshStart(cluster_, *gloo_, {}).pipeline());
    } else if (has) {
      began_without_ = false;
    }
  }

  static bool HasListener(const Pipeline& pipeline) {
    const Snapshot snapshot = pipeline.ResourcesOf(kProxyRole);
    const auto listeners = snapshot.find(xds::Type::kListener);
    return listeners != snapshot.end() && std::ranges::any_of(listeners->second, [](const auto& listener) {
             return listener.first.find(kPort) != std::string::npos;
           });
  }

  void CheckCalm() {
    if (!gloo_ || !gloo_->complete() || !gloo_->caught_up() || !gloo_->drained()) {
      // A watch may have come to its end just now.
      if (Now() < *calm_until_ + kLateness) return Later();
      fleet_.Complain("it does not come to rest");
      over_ = true;
      return;
    }
    if (std::exchange(rested_, true)) {
      if (ways_.sent != sent_) fleet_.Complain(Cat(ways_.sent - sent_, " statuses are written at rest"));
      if (fleet_.result().responses != responses_) fleet_.Complain("Envoys are sent something at rest");
      over_ = true;
      return CheckCounts();
    }
    const FreshStart fresh(cluster_, *gloo_, gloo_->memory());
    if (const std::string difference = fresh.DifferenceTo(*gloo_); !difference.empty()) {
      fleet_.Complain("at the end not as from scratch: " + difference);
    }
    for (const std::string& wrong : fresh.WrongStatuses(*gloo_)) fleet_.Complain(wrong);
    for (const std::string& broken : BrokenReferences(gloo_->pipeline())) fleet_.Complain(broken);
    fleet_.CheckHolds();
    sent_ = ways_.sent;
    responses_ = fleet_.result().responses;
    calm_until_ = Now() + kRest;
    Later();
  }

  void CheckCounts() {
    const ClusterWays ways = cluster_.ways();
    // What an ended process had sent may undo what its successor wrote.
    const int reasons = ways_.reasons + ways.taken + 2 * ways_.late;
    if (ways.effective > reasons) fleet_.Complain(Cat(ways.effective, " statuses for ", reasons, " reasons"));
    if (ways_.sent > 2 * reasons + ways.failed) {
      fleet_.Complain(Cat(ways_.sent, " writes for ", reasons, " reasons and ", ways.failed, " failures"));
    }
  }

  Fleet fleet_;
  ModelCluster cluster_;
  const int steps_;
  const bool restarts_;
  GlooWays ways_;
  KnownVerdicts verdicts_;
  std::optional<Gloo> gloo_;
  std::map<std::string, std::set<std::string>> had_;
  bool restarted_ = false;
  // Since the last start: whether it serves, and whether the first that it served had no listener.
  bool began_ = false;
  bool began_without_ = false;
  int step_ = 0;
  int compared_ = 0;
  std::optional<Clock::Time> calm_until_;
  bool rested_ = false;
  bool over_ = false;
  int sent_ = 0;
  int64_t responses_ = 0;
};

}  // namespace

ClusterResult SimulateCluster(uint64_t seed, int steps, bool verbose) { return Life(seed, steps, verbose).Go(); }

}  // namespace k8sgw::sim
