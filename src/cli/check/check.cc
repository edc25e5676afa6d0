#include "src/cli/check/check.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <thread>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/check/certificates.h"
#include "src/cli/check/objects.h"
#include "src/cli/check/report.h"
#include "src/cli/check/rollout.h"
#include "src/cli/check/stats.h"
#include "src/cli/check/world.h"
#include "src/cli/cluster/object.h"
#include "src/cli/cluster/pods.h"
#include "src/cli/forward/pod_http.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr std::chrono::seconds kLimit(60);
// The published labels of an installation: of its Deployments, and of its Pods.
constexpr char kDeployments[] = "app=gloo";
constexpr char kPods[] = "gloo";
constexpr int kAdminPort = 19000;
// Of a larger fleet, the first ones speak for the rest.
constexpr size_t kMostProxies = 50;
// What grows within this time is going on.
constexpr std::chrono::milliseconds kBetween(250);
constexpr char kWebhookSecret[] = "gateway-validation-certs";
// What is made from the objects of all kinds.
constexpr std::string_view kOfObjects[] = {"settings", "upstreams",        "upstream-groups",
                                           "secrets",  "virtual-services", "route-tables",
                                           "gateways", "options",          "proxies"};

class Checking {
 public:
  Checking(Session& session, const CheckOptions& options) : session_(session), options_(options) {
    for (const std::string_view section : kSections) {
      if (!options.excluded.contains(section)) looked_.sections.emplace(section);
    }
  }

  void Run() {
    if (Wants("deployments")) {
      if (const auto found = List({"apps", "v1", "deployments", options_.ns}, {.labels = kDeployments}, "deployments"))
        Add(CheckDeployments(*found, options_.ns));
    }
    if (Wants("pods")) {
      if (const auto found = List({"", "v1", "pods", options_.ns}, {.labels = kPods}, "pods")) Add(CheckPods(*found));
    }
    if (std::any_of(std::begin(kOfObjects), std::end(kOfObjects), [this](auto section) { return Wants(section); }))
      Objects();
    if (Wants("webhooks")) Webhooks();
    if (Wants("xds-metrics")) Proxies();
  }

  const Looked& looked() const { return looked_; }
  const Findings& findings() const { return findings_; }

 private:
  bool Wants(std::string_view section) const { return looked_.sections.contains(section); }

  void Add(Findings more) {
    std::erase_if(more, [this](const Finding& finding) { return !Wants(finding.section); });
    findings_.insert(findings_.end(), more.begin(), more.end());
  }

  // What we may not read is skipped; what cannot be read is a finding.
  std::optional<std::vector<Node>> List(const kube::Resource& resource, const Selection& selection,
                                        const std::string& section) {
    absl::StatusOr<std::vector<Node>> found = session_.List(resource, selection);
    if (found.ok()) return *std::move(found);
    const std::string why(found.status().message());
    if (found.status().code() == absl::StatusCode::kPermissionDenied) {
      looked_.skipped.emplace_back(section, why);
    } else {
      Add({{section, true, "", Cat(resource.plural, " cannot be read: ", why), ""}});
    }
    return std::nullopt;
  }

  void Objects() {
    absl::StatusOr<World> world = ReadWorld(session_.caller(), options_.ns, kLimit);
    if (!world.ok()) {
      Add({{"upstreams", true, "", std::string(world.status().message()), "is the API server slow, or the network?"}});
      return;
    }
    for (const std::string& kind : world->missing) {
      Add({{std::string(SectionOf(kind)), true, "", Cat("the cluster does not know the kind ", kind),
            "install the definitions: k8sgateway crds | kubectl apply --server-side -f -"}});
    }
    std::optional<Problems> problems = std::move(world->problems);
    for (const auto& [plural, why] : world->forbidden) {
      // What is not read would seem to be missing.
      problems.reset();
      Add({{"settings", false, "", Cat(plural, " cannot be read, so references are not checked: ", why),
            "ask for the right to list them in all namespaces"}});
    }
    if (Wants("proxies")) {
      if (const auto proxies = List({"gloo.solo.io", "v1", "proxies", options_.ns}, {}, "proxies"))
        world->objects.insert(world->objects.end(), proxies->begin(), proxies->end());
    }
    Add(CheckObjects(world->objects, problems, options_.ns));
    Add(CheckSecrets(world->objects, ReferredSecrets(world->objects), std::time(nullptr)));
  }

  void Webhooks() {
    const auto found =
        List({"admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", ""}, {}, "webhooks");
    if (!found) return;
    const absl::StatusOr<Node> secret = session_.Read({{"", "v1", "secrets", options_.ns}, kWebhookSecret});
    if (!secret.ok() && secret.status().code() != absl::StatusCode::kNotFound) {
      looked_.skipped.emplace_back("webhooks", std::string(secret.status().message()));
      return;
    }
    Add(CheckWebhooks(*found, secret.ok() ? *secret : Node(), options_.ns, std::time(nullptr)));
  }

  // What the Envoys say themselves, in all namespaces: proxies may stand apart from the control plane.
  void Proxies() {
    if (options_.read_only) {
      looked_.skipped.emplace_back("xds-metrics", "--read-only");
      return;
    }
    const auto pods = List({"", "v1", "pods", ""}, {.labels = "gateway-proxy-id"}, "xds-metrics");
    if (!pods) return;
    std::vector<PodPort> asked;
    std::vector<Stats> before;
    for (const Node& pod : *pods) {
      if (!IsReady(pod) || asked.size() == kMostProxies) continue;
      const PodPort port{NamespaceOf(pod), NameOf(pod), kAdminPort};
      if (const auto stats = AskStats(port)) {
        asked.push_back(port);
        before.push_back(*stats);
      } else if (denied_) {
        return;
      }
    }
    std::this_thread::sleep_for(kBetween);
    for (size_t i = 0; i < asked.size(); ++i) {
      if (const auto after = AskStats(asked[i]))
        Add(CheckXdsStats(Cat("Pod ", asked[i].ns, "/", asked[i].pod), before[i], *after));
    }
  }

  std::optional<Stats> AskStats(const PodPort& port) {
    const absl::StatusOr<std::string> text =
        AskPod(session_.caller().credentials(), port, {.method = "GET", .target = kXdsStats});
    if (text.ok()) return ParseStats(*text);
    const std::string why(text.status().message());
    if (text.status().code() == absl::StatusCode::kPermissionDenied) {
      denied_ = true;
      looked_.skipped.emplace_back("xds-metrics", why);
    } else {
      Add({{"xds-metrics", false, Cat("Pod ", port.ns, "/", port.pod), Cat("it cannot be asked: ", why), ""}});
    }
    return std::nullopt;
  }

  Session& session_;
  const CheckOptions& options_;
  // We may not connect to pods.
  bool denied_ = false;
  Looked looked_;
  Findings findings_;
};

}  // namespace

int Check(Session& session, const CheckOptions& options, std::ostream& out, std::ostream& err) {
  if (const auto version = session.Get("/version"); !version.ok()) {
    err << "check: the cluster does not answer: " << Printable(std::string(version.status().message())) << "\n";
    return 1;
  }
  Checking checking(session, options);
  checking.Run();
  if (options.output == "json") {
    out << yaml::EmitJson(ReportTree(checking.looked(), checking.findings())) << "\n";
  } else {
    out << RenderReport(checking.looked(), checking.findings());
  }
  return HasErrors(checking.findings()) ? 1 : 0;
}

}  // namespace k8sgw::cli
