#include "src/cli/check/check.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/check/certificates.h"
#include "src/cli/check/envoys.h"
#include "src/cli/check/mounted.h"
#include "src/cli/check/objects.h"
#include "src/cli/check/report.h"
#include "src/cli/check/rollout.h"
#include "src/cli/check/world.h"
#include "src/cli/cluster/object.h"
#include "src/cli/cluster/pods.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr std::chrono::seconds kLimit(60);
// The published labels of an installation: of its Deployments, and of its Pods.
constexpr char kDeployments[] = "app=gloo";
constexpr char kPods[] = "gloo";
// Of an installation whose Deployment does not name it.
constexpr char kWebhookSecret[] = "gateway-validation-certs";
// What is made from the objects of all kinds.
constexpr std::string_view kOfObjects[] = {"settings",         "upstreams",          "upstream-groups", "secrets",
                                           "virtual-services", "route-tables",       "gateways",        "options",
                                           "auth-configs",     "rate-limit-configs", "gateway-api",     "proxies"};

class Checking {
 public:
  Checking(Session& session, const CheckOptions& options) : session_(session), options_(options) {
    for (const std::string_view section : kSections) {
      if (!options.excluded.contains(section)) looked_.sections.emplace(section);
    }
  }

  void Run() {
    deployments_ = List({"apps", "v1", "deployments", options_.ns}, {.labels = kDeployments}, "deployments");
    if (deployments_) Add(CheckDeployments(*deployments_, options_.ns));
    if (Wants("pods")) {
      if (const auto found = List({"", "v1", "pods", options_.ns}, {.labels = kPods}, "pods")) Add(CheckPods(*found));
    }
    if (std::any_of(std::begin(kOfObjects), std::end(kOfObjects), [this](auto section) { return Wants(section); }))
      Objects();
    if (Wants("secrets")) MountedSecrets();
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
      if (Wants(section)) looked_.skipped.emplace_back(section, why);
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
            "install the definitions: k8sgateway crds | kubectl apply -f -"}});
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

  // The name of the Secret of the webhook, which Helm values may change.
  std::string WebhookSecret() const {
    const std::string found = deployments_ ? WebhookSecretOf(*deployments_) : "";
    return found.empty() ? kWebhookSecret : found;
  }

  // What pods have as files is in no object of ours. The Secret of the webhook is looked at with that.
  void MountedSecrets() {
    std::vector<Node> workloads = deployments_.value_or(std::vector<Node>());
    const auto add = [&](const kube::Resource& resource, const Selection& selection) {
      const auto found = List(resource, selection, "secrets");
      if (found) workloads.insert(workloads.end(), found->begin(), found->end());
    };
    add({"apps", "v1", "daemonsets", options_.ns}, {.labels = kDeployments});
    // Proxies may stand in other namespaces.
    add({"", "v1", "pods", ""}, {.labels = "gateway-proxy-id"});
    std::vector<Mount> mounts = MountsOf(workloads);
    if (const auto configs = List({"", "v1", "configmaps", ""}, {.labels = kDeployments}, "secrets")) {
      for (Mount& mount : MountsOfServers(*configs)) mounts.push_back(std::move(mount));
    }
    std::set<std::string> seen = {Cat(options_.ns, "/", WebhookSecret())};
    for (const Mount& mount : mounts) {
      if (!seen.insert(Cat(mount.ns, "/", mount.secret)).second) continue;
      const absl::StatusOr<Node> secret = session_.Read({{"", "v1", "secrets", mount.ns}, mount.secret});
      if (!secret.ok() && secret.status().code() != absl::StatusCode::kNotFound) {
        looked_.skipped.emplace_back("secrets", std::string(secret.status().message()));
        return;
      }
      Add(CheckMount(mount, secret.ok() ? *secret : Node(), std::time(nullptr)));
    }
  }

  void Webhooks() {
    const auto found =
        List({"admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", ""}, {}, "webhooks");
    if (!found) return;
    const absl::StatusOr<Node> secret = session_.Read({{"", "v1", "secrets", options_.ns}, WebhookSecret()});
    if (!secret.ok() && secret.status().code() != absl::StatusCode::kNotFound) {
      looked_.skipped.emplace_back("webhooks", std::string(secret.status().message()));
      return;
    }
    Add(CheckWebhooks(*found, secret.ok() ? *secret : Node(), WebhookSecret(), options_.ns, std::time(nullptr)));
  }

  // What control planes and Envoys say of each other; Envoys of all namespaces, as they may stand apart.
  void Proxies() {
    if (options_.read_only) {
      looked_.skipped.emplace_back("xds-metrics", "--read-only");
      return;
    }
    const auto proxies = List({"", "v1", "pods", ""}, {.labels = "gateway-proxy-id"}, "xds-metrics");
    if (!proxies) return;
    const auto control = List({"", "v1", "pods", options_.ns}, {.labels = kLabelsOfGloo}, "xds-metrics");
    if (!control) return;
    EnvoysChecked checked = CheckEnvoys(session_, options_.ns, *control, *proxies);
    if (!checked.skipped.empty()) looked_.skipped.emplace_back("xds-metrics", std::move(checked.skipped));
    Add(std::move(checked.findings));
  }

  Session& session_;
  const CheckOptions& options_;
  // nullopt when they may not be read.
  std::optional<std::vector<Node>> deployments_;
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
