#include "src/cli/cluster/pods.h"

#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {

using yaml::Node;

std::string LabelsOfProxy(const std::string& name) { return "gateway-proxy-id=" + name; }

bool IsReady(const Node& pod) {
  if (At(pod, {"metadata", "deletionTimestamp"})) return false;
  for (const Node& condition : ItemsAt(pod, {"status", "conditions"})) {
    if (condition.FindScalar("type") == "Ready") return condition.FindScalar("status") == "True";
  }
  return false;
}

const Node* BestOf(const std::vector<Node>& pods) {
  const Node* best = nullptr;
  for (const Node& pod : pods) {
    if (IsReady(pod)) return &pod;
    if (!best && TextAt(pod, {"status", "phase"}) == "Running") best = &pod;
  }
  return best;
}

absl::StatusOr<std::string> FindPod(Session& session, const std::string& ns, const std::string& labels,
                                    const std::string& what) {
  const absl::StatusOr<std::vector<Node>> pods = session.List({"", "v1", "pods", ns}, {.labels = labels});
  if (!pods.ok()) return pods.status();
  const Node* best = BestOf(*pods);
  if (best) return NameOf(*best);
  if (pods->empty())
    return absl::NotFoundError(Cat("there is no pod of ", what, " in namespace ", ns,
                                   ": name another one with -n, or run `k8sgateway install`"));
  return absl::NotFoundError(Cat("no pod of ", what, " runs in namespace ", ns, ": `k8sgateway check` says why"));
}

}  // namespace k8sgw::cli
