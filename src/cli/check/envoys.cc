#include "src/cli/check/envoys.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "src/base/text.h"
#include "src/cli/check/fleet.h"
#include "src/cli/check/stats.h"
#include "src/cli/cluster/object.h"
#include "src/cli/cluster/pods.h"
#include "src/cli/forward/pod_http.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

// Of a larger fleet, the first ones speak for the rest; what control planes say is of all.
constexpr size_t kMostProxies = 50;
// What grows within this time is going on.
constexpr std::chrono::milliseconds kBetween(250);
// An Envoy that has not answered so many looks at its control plane, each half a second after the other, is stuck: what
// it waits for may take it 15 s, and the control plane holds a listener back for 10 s.
constexpr size_t kMostLooks = 33;
// What else may be better in a moment.
constexpr size_t kUsualLooks = 7;
constexpr std::chrono::milliseconds kBetweenLooks(500);
// One that does not answer must not hold up the rest.
constexpr std::chrono::milliseconds kPatience(5000);

struct Asked {
  const Node* pod;
  std::optional<EnvoySelf> self;
  Stats stats;
};

class Asking {
 public:
  Asking(Session& session, const std::string& ns) : session_(session), ns_(ns) {}

  EnvoysChecked Run(const std::vector<Node>& control, const std::vector<Node>& proxies) {
    for (const Node& pod : proxies) {
      pods_.insert(PathOf(pod));
      names_.insert(TextAt(pod, {"metadata", "labels", "gateway-proxy-id"}));
    }
    AskControl(control);
    if (Denied()) return std::move(out_);
    AskEnvoys(proxies);
    if (Denied()) return std::move(out_);
    Add(CheckControl(looks_, all_asked_, ns_, pods_, names_));
    return std::move(out_);
  }

 private:
  bool Denied() {
    if (out_.skipped.empty()) return false;
    out_.findings.clear();
    return true;
  }

  void Add(const Findings& more) { out_.findings.insert(out_.findings.end(), more.begin(), more.end()); }

  // nullopt also when we may not ask.
  std::optional<std::string> Ask(const Node& pod, int port, const char* target, std::string& why) {
    const absl::StatusOr<std::string> text =
        AskPod(session_.caller().credentials(), {NamespaceOf(pod), NameOf(pod), port},
               {.method = "GET", .target = target, .timeout = kPatience});
    if (text.ok()) return *text;
    why = std::string(text.status().message());
    if (text.status().code() == absl::StatusCode::kPermissionDenied) out_.skipped = why;
    return std::nullopt;
  }

  // What does not run is told by the sections of deployments and pods.
  static bool Runs(const Node& pod) {
    return TextAt(pod, {"status", "phase"}) == "Running" && !At(pod, {"metadata", "deletionTimestamp"});
  }

  void AskControl(const std::vector<Node>& control) {
    bool first = true;
    do {
      if (!first) std::this_thread::sleep_for(kBetweenLooks);
      Look look;
      for (const Node& pod : control) {
        if (!Runs(pod)) {
          // Envoys may still be with one that ends.
          all_asked_ = all_asked_ && !At(pod, {"metadata", "deletionTimestamp"});
          continue;
        }
        std::string why;
        const auto text = Ask(pod, kGlooAdminPort, "/clients", why);
        if (!out_.skipped.empty()) return;
        absl::StatusOr<ControlView> view = text ? ReadControlView(PathOf(pod), *text) : absl::UnavailableError(why);
        if (view.ok()) {
          look.push_back(*std::move(view));
          continue;
        }
        all_asked_ = false;
        if (first) {
          Add({{"xds-metrics", false, "Pod " + PathOf(pod),
                Cat("it cannot be asked which Envoys follow it: ", std::string(view.status().message())),
                "is it of this version, and --admin-bind open?"}});
        }
      }
      looks_.push_back(std::move(look));
      first = false;
    } while (looks_.size() < (HasStuck(looks_) ? kMostLooks : kUsualLooks) && IsUnsettled(looks_));
  }

  void AskEnvoys(const std::vector<Node>& proxies) {
    std::vector<const Node*> wanted;
    for (const Node& pod : proxies) {
      const std::string phase = TextAt(pod, {"status", "phase"});
      if (phase != "Succeeded" && phase != "Failed" && !At(pod, {"metadata", "deletionTimestamp"}))
        wanted.push_back(&pod);
    }
    // Those that seem to have something to tell come first.
    std::stable_partition(wanted.begin(), wanted.end(), [](const Node* pod) { return !IsReady(*pod); });
    if (wanted.size() > kMostProxies) wanted.resize(kMostProxies);
    std::vector<Asked> asked;
    for (const Node* pod : wanted) {
      if (auto one = AskEnvoy(*pod)) asked.push_back(*std::move(one));
      if (!out_.skipped.empty()) return;
    }
    if (!asked.empty()) std::this_thread::sleep_for(kBetween);
    for (const Asked& one : asked) CheckEnvoy(one);
  }

  std::optional<Asked> AskEnvoy(const Node& pod) {
    if (!Runs(pod)) {
      Add({UnknownEnvoy(pod, "")});
      return std::nullopt;
    }
    std::string why;
    const auto stats = Ask(pod, kEnvoyAdminPort, kXdsStats, why);
    const auto info = stats ? Ask(pod, kEnvoyAdminPort, "/server_info", why) : std::nullopt;
    if (!out_.skipped.empty()) return std::nullopt;
    if (!stats || !info) {
      Add({UnknownEnvoy(pod, why)});
      return std::nullopt;
    }
    Asked asked{&pod, std::nullopt, ParseStats(*stats)};
    if (absl::StatusOr<EnvoySelf> self = ReadServerInfo(*info); self.ok()) asked.self = *std::move(self);
    return asked;
  }

  void CheckEnvoy(const Asked& one) {
    std::string why;
    const auto text = Ask(*one.pod, kEnvoyAdminPort, kXdsStats, why);
    if (!text) return Add({UnknownEnvoy(*one.pod, why)});
    const std::string object = "Pod " + PathOf(*one.pod);
    const bool served = one.self && !looks_.empty() && IsServed(*one.self, looks_.back());
    const Findings told = CheckXdsStats(object, one.stats, ParseStats(*text), served);
    Add(told);
    if (!one.self) return;
    Add(CheckEnvoyState(*one.pod, *one.self));
    // One that says itself that it is not connected needs no second word.
    if (told.empty() && all_asked_ && !looks_.empty()) Add(CheckServed(object, *one.self, looks_.back(), ns_));
  }

  Session& session_;
  const std::string& ns_;
  std::set<std::string> pods_;
  std::set<std::string> names_;
  std::vector<Look> looks_;
  bool all_asked_ = true;
  EnvoysChecked out_;
};

}  // namespace

EnvoysChecked CheckEnvoys(Session& session, const std::string& ns, const std::vector<Node>& control,
                          const std::vector<Node>& proxies) {
  return Asking(session, ns).Run(control, proxies);
}

}  // namespace k8sgw::cli
