#include "src/cli/check/rollout.h"

#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr int kManyRestarts = 5;

const Node* ConditionOf(const Node& object, std::string_view type) {
  for (const Node& condition : ItemsAt(object, {"status", "conditions"})) {
    if (condition.FindScalar("type") == type) return &condition;
  }
  return nullptr;
}

std::string MendOf(const std::string& reason, const Node& pod, const std::string& container) {
  const std::string where = Cat("-n ", NamespaceOf(pod), " ");
  if (reason == "ImagePullBackOff" || reason == "ErrImagePull" || reason == "InvalidImageName" ||
      reason == "ErrImageNeverPull")
    return "correct global.image.registry, repository and tag in the Helm values, or global.image.pullSecret";
  if (reason == "CreateContainerConfigError")
    return Cat("a Secret or ConfigMap that it needs is missing: kubectl ", where, "describe pod ", NameOf(pod));
  if (reason == "OOMKilled") return "give it more memory: resources in the Helm values";
  return Cat("see why: kubectl ", where, "logs ", NameOf(pod), " -c ", container, " --previous");
}

void CheckContainer(const Node& pod, const Node& container, Findings& out) {
  const std::string name(container.FindScalar("name"));
  const std::string object = "Pod " + PathOf(pod);
  if (const Node* waiting = At(container, {"state", "waiting"})) {
    const std::string reason(waiting->FindScalar("reason"));
    if (reason == "ContainerCreating" || reason == "PodInitializing") return;
    std::string why = TextAt(container, {"lastState", "terminated", "reason"});
    if (why.empty()) why = std::string(waiting->FindScalar("message"));
    const bool killed = why == "OOMKilled";
    out.push_back({"pods", true, object,
                   Cat("container ", name, " waits: ", reason, why.empty() ? "" : " (", why, why.empty() ? "" : ")"),
                   MendOf(killed ? why : reason, pod, name)});
    return;
  }
  if (const Node* ended = At(container, {"state", "terminated"})) {
    if (NumberAt(*ended, {"exitCode"}) == 0) return;
    out.push_back({"pods", true, object,
                   Cat("container ", name, " ended with exit code ", ended->FindScalar("exitCode")),
                   MendOf(std::string(ended->FindScalar("reason")), pod, name)});
    return;
  }
  if (const long restarts = NumberAt(container, {"restartCount"}); restarts >= kManyRestarts) {
    out.push_back({"pods", false, object, Cat("container ", name, " was started ", restarts, " times anew"),
                   MendOf(TextAt(container, {"lastState", "terminated", "reason"}), pod, name)});
  }
}

}  // namespace

Findings CheckDeployments(const std::vector<Node>& deployments, const std::string& ns) {
  if (deployments.empty()) {
    return {{"deployments", true, "", Cat("there is no installation in namespace ", ns),
             "run `k8sgateway install`, or name the namespace of the installation with -n"}};
  }
  Findings out;
  for (const Node& deployment : deployments) {
    const std::string object = "Deployment " + PathOf(deployment);
    const Node* replicas = At(deployment, {"spec", "replicas"});
    const long wanted = replicas ? NumberAt(deployment, {"spec", "replicas"}) : 1;
    const long available = NumberAt(deployment, {"status", "availableReplicas"});
    const long updated = NumberAt(deployment, {"status", "updatedReplicas"});
    const std::string describe =
        Cat("kubectl -n ", NamespaceOf(deployment), " describe deployment ", NameOf(deployment));
    const Node* failure = ConditionOf(deployment, "ReplicaFailure");
    if (failure && failure->FindScalar("status") == "True") {
      out.push_back(
          {"deployments", true, object, Cat("pods cannot be made: ", failure->FindScalar("message")), describe});
    } else if (available < wanted) {
      const Node* progress = ConditionOf(deployment, "Progressing");
      const std::string why(progress ? progress->FindScalar("message") : "");
      out.push_back({"deployments", true, object,
                     Cat(available, " of ", wanted, " replicas are available", why.empty() ? "" : ": ", why),
                     Cat("the pods below say why, or: ", describe)});
    } else if (updated < wanted || NumberAt(deployment, {"status", "observedGeneration"}) <
                                       NumberAt(deployment, {"metadata", "generation"})) {
      out.push_back({"deployments", false, object,
                     Cat("a rollout is under way: ", updated, " of ", wanted, " replicas are of the newest version"),
                     describe});
    } else if (const long old = NumberAt(deployment, {"status", "replicas"}) - updated; old > 0) {
      // What is available may be the old ones alone, for ever when the new ones cannot run.
      out.push_back({"deployments", false, object,
                     Cat("a rollout is under way: ", old, " more replicas are of the version before"), describe});
    }
  }
  return out;
}

Findings CheckPods(const std::vector<Node>& pods) {
  Findings out;
  for (const Node& pod : pods) {
    const std::string phase = TextAt(pod, {"status", "phase"});
    if (phase == "Succeeded" || At(pod, {"metadata", "deletionTimestamp"})) continue;
    const std::string object = "Pod " + PathOf(pod);
    const size_t before = out.size();
    for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
      for (const Node& container : ItemsAt(pod, {"status", list})) CheckContainer(pod, container, out);
    }
    if (out.size() > before) continue;
    const std::string describe = Cat("see its events: kubectl -n ", NamespaceOf(pod), " describe pod ", NameOf(pod));
    if (phase == "Failed") {
      out.push_back({"pods", true, object, Cat("it has failed: ", TextAt(pod, {"status", "reason"})), describe});
      continue;
    }
    const Node* scheduled = ConditionOf(pod, "PodScheduled");
    const Node* ready = ConditionOf(pod, "Ready");
    if (scheduled && scheduled->FindScalar("status") == "False") {
      out.push_back({"pods", true, object, Cat("no node takes it: ", scheduled->FindScalar("message")), describe});
    } else if (phase != "Running" || (ready && ready->FindScalar("status") == "False")) {
      const std::string why(ready ? ready->FindScalar("message") : "");
      out.push_back({"pods", true, object, Cat("it is not ready", why.empty() ? "" : ": ", why), describe});
    }
  }
  return out;
}

}  // namespace k8sgw::cli
