#include "src/cli/check/objects.h"

#include <map>
#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr std::pair<std::string_view, std::string_view> kSectionOfKind[] = {
    {"Settings", "settings"},
    {"Upstream", "upstreams"},
    {"UpstreamGroup", "upstream-groups"},
    {"Secret", "secrets"},
    {"VirtualService", "virtual-services"},
    {"RouteTable", "route-tables"},
    {"Gateway", "gateways"},
    {"MatchableHttpGateway", "gateways"},
    {"MatchableTcpGateway", "gateways"},
    {"VirtualHostOption", "options"},
    {"RouteOption", "options"},
    {"ListenerOption", "options"},
    {"HttpListenerOption", "options"},
    {"AuthConfig", "auth-configs"},
    {"RateLimitConfig", "rate-limit-configs"},
    {"GatewayParameters", "gateway-api"},
    {"DirectResponse", "gateway-api"},
    {"Proxy", "proxies"},
};

// Kinds that get no status.
bool HasStatus(std::string_view kind) {
  return kind != "Secret" && kind != "Settings" && kind != "GatewayParameters" && kind != "DirectResponse";
}

bool IsBad(const ObjectStatus& status) { return status.state == "Rejected" || status.state == "Warning"; }

std::string LogsOf(const std::string& ns) { return Cat("kubectl -n ", ns, " logs deployment/gloo"); }

Finding Tell(const Problem& problem, std::string_view section, const ObjectStatus* status) {
  std::string what = problem.path.empty() ? problem.message : Cat(problem.path, ": ", problem.message);
  // A warning may be new; what is refused must not be called accepted for long.
  if (problem.severity == Severity::kError && status && status->state == "Accepted")
    what += " (its status does not say so yet)";
  return {std::string(section), true, problem.object.ToString(), std::move(what), problem.fix};
}

// What is known of an object besides its status.
struct Known {
  bool has_problems = false;
  bool has_notices = false;
};

void CheckStatus(const Node& object, std::string_view section, Known known, bool certain, const std::string& ns,
                 Findings& out) {
  const std::string kind(object.FindScalar("kind"));
  if (!HasStatus(kind)) return;
  const std::string name = Cat(kind, " ", PathOf(object));
  const auto statuses = StatusesOf(object);
  const auto found = statuses.contains(ns) ? statuses.find(ns) : statuses.find("");
  if (found == statuses.end() || found->second.state == "Pending") {
    if (known.has_problems || kind == "Proxy") return;
    out.push_back(
        {std::string(section), false, name, "no control plane has looked at it",
         Cat("is its namespace among watchNamespaces of the Settings, and does a control plane lead? ", LogsOf(ns))});
    return;
  }
  if (known.has_problems || !IsBad(found->second)) return;
  if (known.has_notices && found->second.state == "Warning") return;
  out.push_back(
      {std::string(section), true, name, Cat(found->second.state, ": ", found->second.reason),
       certain ? Cat("it is good as it is now, so Envoy refused it, or the status is old: ", LogsOf(ns)) : ""});
}

}  // namespace

std::string_view SectionOf(std::string_view kind) {
  for (const auto& [its_kind, section] : kSectionOfKind) {
    if (its_kind == kind) return section;
  }
  return "";
}

Findings CheckObjects(const std::vector<Node>& objects, const std::optional<Problems>& problems,
                      const std::string& ns) {
  Findings out;
  std::map<std::string, ObjectStatus> statuses;
  for (const Node& object : objects) {
    const auto its = StatusesOf(object);
    if (const auto found = its.find(ns); found != its.end())
      statuses[Cat(object.FindScalar("kind"), " ", PathOf(object))] = found->second;
  }
  std::map<std::string, Known> known;
  for (const Problem& problem : problems.value_or(Problems())) {
    const std::string_view section = SectionOf(KindName(problem.object.kind));
    const std::string name = problem.object.ToString();
    if (problem.severity == Severity::kNotice) known[name].has_notices = true;
    if (section.empty() || problem.severity == Severity::kNotice) continue;
    known[name].has_problems = true;
    const auto status = statuses.find(name);
    out.push_back(Tell(problem, section, status == statuses.end() ? nullptr : &status->second));
  }
  for (const Node& object : objects) {
    const std::string kind(object.FindScalar("kind"));
    const std::string_view section = SectionOf(kind);
    if (section.empty()) continue;
    CheckStatus(object, section, known[Cat(kind, " ", PathOf(object))], problems.has_value(), ns, out);
  }
  return out;
}

}  // namespace k8sgw::cli
