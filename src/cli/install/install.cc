#include "src/cli/install/install.h"

#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/check/report.h"
#include "src/cli/check/rollout.h"
#include "src/cli/cluster/object.h"
#include "src/cli/install/chart_archive.h"
#include "src/cli/install/helm.h"
#include "src/crds/crd.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr std::chrono::seconds kEstablished(60);
constexpr std::chrono::milliseconds kPoll(500);
constexpr char kDiscovered[] = "discovered_by=kubernetesplugin";

int Fail(std::ostream& err, const char* command, const absl::Status& status) {
  err << command << ": " << Printable(std::string(status.message())) << "\n";
  return 1;
}

kube::Resource Definitions() { return {"apiextensions.k8s.io", "v1", "customresourcedefinitions", ""}; }

bool IsEstablished(const Node& definition) {
  for (const Node& condition : ItemsAt(definition, {"status", "conditions"})) {
    if (condition.FindScalar("type") == "Established") return condition.FindScalar("status") == "True";
  }
  return false;
}

int NoCluster(std::ostream& err, const char* command, const absl::Status& status) {
  Fail(err, command, status);
  err << "give --kubeconfig FILE for a cluster, or set KUBECONFIG\n";
  return 1;
}

// Where discovery writes. Settings go with the release, so they are read before it. What hinders that hinders the look
// for Upstreams, too, and is told then.
std::set<std::string> DiscoveryPlaces(Session& session, const std::string& ns) {
  const auto settings = session.Read({ResourceOf(*KindCalled("settings"), ns), "default"});
  return PlacesOfDiscovered(settings.ok() ? *settings : Node(), ns);
}

// They are not of the release, and people may have edited them.
std::string TellDiscovered(Session& session, const std::set<std::string>& namespaces) {
  std::map<std::string, size_t> counts;
  for (const std::string& ns : namespaces) {
    const auto upstreams = session.List(ResourceOf(*KindCalled("upstream"), ns), {.labels = kDiscovered});
    // Without the definition there are none.
    if (upstreams.status().code() == absl::StatusCode::kNotFound) continue;
    if (!upstreams.ok()) return NotLookedFor(upstreams.status());
    counts[ns] = upstreams->size();
  }
  return DiscoveredLeft(counts);
}

absl::Status ApplyDefinitions(Session& session) {
  for (const CustomResource& kind : AllCustomResources()) {
    const kube::Target target{Definitions(), crds::CrdName(kind)};
    const auto applied =
        session.Send(kube::ServerSideApply(target, crds::CrdFile(kind, {}), "k8sgateway-install", true));
    if (!applied.ok()) {
      return absl::Status(
          applied.status().code(),
          Cat("the definition ", target.name, " cannot be applied: ", std::string(applied.status().message())));
    }
  }
  const auto give_up = std::chrono::steady_clock::now() + kEstablished;
  for (const CustomResource& kind : AllCustomResources()) {
    for (;;) {
      const auto definition = session.Read({Definitions(), crds::CrdName(kind)});
      if (!definition.ok()) return definition.status();
      if (IsEstablished(*definition)) break;
      if (std::chrono::steady_clock::now() > give_up)
        return absl::DeadlineExceededError(Cat("the API server does not serve ", crds::CrdName(kind)));
      std::this_thread::sleep_for(kPoll);
    }
  }
  return absl::OkStatus();
}

// What does not run yet.
Findings NotRunning(Session& session, const HelmChoice& helm) {
  const std::string labels = "app.kubernetes.io/instance=" + helm.release;
  const auto deployments = session.List({"apps", "v1", "deployments", helm.ns}, {.labels = labels});
  if (!deployments.ok()) return {{"deployments", true, "", std::string(deployments.status().message()), ""}};
  Findings out = CheckDeployments(*deployments, helm.ns);
  if (out.empty()) return {};
  if (const auto pods = session.List({"", "v1", "pods", helm.ns}, {.labels = labels}); pods.ok()) {
    const Findings more = CheckPods(*pods);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

int WaitUntilItRuns(Session& session, const InstallOptions& options, std::ostream& out, std::ostream& err) {
  const auto give_up = std::chrono::steady_clock::now() + options.wait;
  Findings left = NotRunning(session, options.helm);
  while (!left.empty() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(kPoll);
    left = NotRunning(session, options.helm);
  }
  if (!left.empty()) {
    err << "install: after " << options.wait.count() << " s not all of it runs:\n"
        << RenderReport({.sections = {"deployments", "pods"}, .skipped = {}}, left);
    return 1;
  }
  out << "K8sGateway runs in namespace " << options.helm.ns
      << ".\nApply a VirtualService, then: curl $(k8sgateway proxy url)\n";
  return 0;
}

std::vector<std::string> Where(const HelmChoice& helm) {
  std::vector<std::string> words = {"--namespace", helm.ns};
  if (!helm.kubeconfig.empty()) words.insert(words.end(), {"--kubeconfig", helm.kubeconfig});
  if (!helm.context.empty()) words.insert(words.end(), {"--kube-context", helm.context});
  return words;
}

}  // namespace

std::vector<std::string> InstallArguments(const InstallOptions& options, const std::string& chart) {
  std::vector<std::string> words;
  if (options.dry_run) {
    words = {"template", options.helm.release, chart, "--include-crds", "--namespace", options.helm.ns};
  } else {
    words = {"upgrade", "--install", options.helm.release, chart, "--skip-crds"};
    const std::vector<std::string> where = Where(options.helm);
    words.insert(words.end(), where.begin(), where.end());
    if (options.create_namespace) words.emplace_back("--create-namespace");
  }
  const auto add = [&](const char* flag, const std::vector<std::string>& values) {
    for (const std::string& value : values) words.insert(words.end(), {flag, value});
  };
  add("--values", options.values);
  add("--set", options.set);
  add("--set-string", options.set_string);
  return words;
}

int Install(const OpenCluster& open, const InstallOptions& options, std::ostream& out, std::ostream& err) {
  std::optional<TemporaryFile> archive;
  if (options.chart.empty()) {
    absl::StatusOr<TemporaryFile> file = TemporaryFile::Make(".tgz", ChartArchive());
    if (!file.ok()) return Fail(err, "install", file.status());
    archive.emplace(*std::move(file));
  }
  const std::vector<std::string> arguments = InstallArguments(options, archive ? archive->path() : options.chart);
  std::unique_ptr<Session> session;
  if (!options.dry_run) {
    absl::StatusOr<std::unique_ptr<Session>> opened = open();
    if (!opened.ok()) return NoCluster(err, "install", opened.status());
    session = *std::move(opened);
    if (const absl::Status status = ApplyDefinitions(*session); !status.ok()) return Fail(err, "install", status);
    out << "The definitions of " << AllCustomResources().size() << " kinds are there.\n" << std::flush;
  }
  const absl::StatusOr<int> code = RunHelm(options.helm.program, arguments);
  if (!code.ok()) return Fail(err, "install", code.status());
  if (*code != 0) {
    err << "install: helm ended with exit code " << *code << "; what is wrong stands above\n";
    return 1;
  }
  return options.dry_run || options.wait.count() == 0 ? 0 : WaitUntilItRuns(*session, options, out, err);
}

std::set<std::string> PlacesOfDiscovered(const Node& settings, const std::string& ns) {
  std::set<std::string> places = {ns};
  // That of the release counts, too, as it was the place before somebody chose another.
  if (std::string other = TextAt(settings, {"spec", "discoveryNamespace"}); !other.empty())
    places.insert(std::move(other));
  return places;
}

std::string DiscoveredLeft(const std::map<std::string, size_t>& counts) {
  std::string places, commands;
  for (const auto& [ns, count] : counts) {
    if (count == 0) continue;
    places += Cat(places.empty() ? "" : ", ", count, " in ", Printable(ns));
    commands += Cat("  kubectl delete upstreams -n ", Printable(ns), " -l ", kDiscovered, "\n");
  }
  return places.empty() ? "" : Cat("Discovered Upstreams are left: ", places, ". To delete them, too:\n", commands);
}

std::string NotLookedFor(const absl::Status& reason) {
  return Cat("Discovered Upstreams may be left; they were not looked for: ", Printable(std::string(reason.message())),
             "\nTo see them:\n  kubectl get upstreams -A -l ", kDiscovered, "\n");
}

int Uninstall(const OpenCluster& open, const UninstallOptions& options, std::ostream& out, std::ostream& err) {
  std::vector<std::string> arguments = {"uninstall", options.helm.release, "--wait"};
  const std::vector<std::string> where = Where(options.helm);
  arguments.insert(arguments.end(), where.begin(), where.end());
  // With the rest to remove, a release that is gone already is none to stop at.
  const bool more = options.delete_crds || options.delete_namespace;
  if (more) arguments.emplace_back("--ignore-not-found");
  const absl::StatusOr<std::unique_ptr<Session>> opened = open();
  // Better nothing is removed than half of it. Without more to remove, helm may find the cluster where we do not.
  if (more && !opened.ok()) return NoCluster(err, "uninstall", opened.status());
  std::set<std::string> places;
  if (opened.ok() && !options.delete_crds) places = DiscoveryPlaces(**opened, options.helm.ns);
  const absl::StatusOr<int> code = RunHelm(options.helm.program, arguments);
  if (!code.ok()) return Fail(err, "uninstall", code.status());
  if (*code != 0) {
    err << "uninstall: helm ended with exit code " << *code << "; what is wrong stands above\n";
    return 1;
  }
  if (!opened.ok()) {
    out << NotLookedFor(opened.status());
    return 0;
  }
  Session& session = **opened;
  std::vector<kube::Target> targets;
  if (options.delete_crds) {
    for (const CustomResource& kind : AllCustomResources()) targets.push_back({Definitions(), crds::CrdName(kind)});
  }
  if (options.delete_namespace) targets.push_back({{"", "v1", "namespaces", ""}, options.helm.ns});
  for (const kube::Target& target : targets) {
    const auto deleted = session.Send(kube::DeleteObject(target));
    if (!deleted.ok() && deleted.status().code() != absl::StatusCode::kNotFound)
      return Fail(err, "uninstall", deleted.status());
  }
  if (options.delete_crds) out << "The definitions are gone, and all objects of these kinds with them.\n";
  if (options.delete_namespace) out << "Namespace " << options.helm.ns << " goes.\n";
  if (options.delete_namespace) places.erase(options.helm.ns);
  if (!options.delete_crds) out << TellDiscovered(session, places);
  return 0;
}

}  // namespace k8sgw::cli
