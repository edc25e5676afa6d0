#include "src/cli/check/fleet.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/cluster/pods.h"
#include "src/json/tree.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr char kSection[] = "xds-metrics";
// A control plane watches the API server all the time; it may be away for the time that a restart takes.
constexpr long kLongUnheardSeconds = 30;

std::vector<std::string> TextsAt(const Node& node, std::initializer_list<std::string_view> keys) {
  std::vector<std::string> out;
  for (const Node& item : ItemsAt(node, keys)) out.push_back(item.scalar);
  return out;
}

// "listener" for "listeners".
std::string One(std::string_view type) {
  return std::string(type.ends_with('s') ? type.substr(0, type.size() - 1) : type);
}

ServedClient ReadClient(const Node& node) {
  ServedClient client;
  client.node = TextAt(node, {"node"});
  client.role = TextAt(node, {"role"});
  client.serving = TextAt(node, {"serving"});
  client.behind = TextsAt(node, {"behind"});
  for (const Node& refused : ItemsAt(node, {"refused"}))
    client.refused.push_back(Cat(One(refused.FindScalar("type")), " ", refused.FindScalar("name")));
  client.answers = NumberAt(node, {"answers"});
  return client;
}

std::string Join(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += Cat(out.empty() ? "" : ", ", text);
  return out;
}

// It was so in all looks, and the Envoy has said nothing in between: one that answers is on its way.
bool IsStuck(const std::vector<Look>& looks, const std::string& pod, const ServedClient& client) {
  // It never asks for the table of a listener that it refuses.
  const bool refuses_listener = std::any_of(client.refused.begin(), client.refused.end(),
                                            [](const std::string& one) { return one.starts_with("listener"); });
  if (refuses_listener && client.behind == std::vector<std::string>{"routes"}) return false;
  const auto same = [&](const ServedClient& then) {
    return then.node == client.node && then.role == client.role && !then.behind.empty() &&
           then.answers == client.answers;
  };
  return std::all_of(looks.begin(), looks.end(), [&](const Look& look) {
    return std::any_of(look.begin(), look.end(), [&](const ControlView& view) {
      return view.pod == pod && std::any_of(view.clients.begin(), view.clients.end(), same);
    });
  });
}

// The pod of an Envoy, which the chart calls NAME.NAMESPACE.
std::string ObjectOf(const ServedClient& client, const std::set<std::string>& pods) {
  if (const size_t dot = client.node.rfind('.'); dot != std::string::npos) {
    const std::string path = Cat(client.node.substr(dot + 1), "/", client.node.substr(0, dot));
    if (pods.contains(path)) return "Pod " + path;
  }
  return Cat("Envoy ", client.node, " of ", client.role);
}

std::string LogOf(const std::string& object) {
  const size_t slash = object.find('/');
  if (!object.starts_with("Pod ") || slash == std::string::npos) return "its log says more";
  return Cat("its log says more: kubectl -n ", object.substr(4, slash - 4), " logs ", object.substr(slash + 1));
}

std::string LogOfControl(const std::string& pod) {
  const size_t slash = pod.find('/');
  return Cat("kubectl -n ", pod.substr(0, slash), " logs ", pod.substr(slash + 1));
}

void CheckClient(const std::vector<Look>& looks, const ControlView& view, const ServedClient& client,
                 const std::set<std::string>& pods, Findings& out) {
  const std::string object = ObjectOf(client, pods);
  if (!client.role.empty() && !client.serving.empty() && client.serving != client.role && !view.roles.empty()) {
    out.push_back(
        {kSection, true, object,
         Cat("it asks for the configuration of ", client.role, ", which there is none of: it gets the fallback"),
         "is there a Gateway whose proxyNames has it, with a VirtualService? `k8sgateway get proxy` has all"});
    return;
  }
  if (IsStuck(looks, view.pod, client)) {
    out.push_back({kSection, true, object,
                   Cat("it is stale: it has not answered the newest ", Join(client.behind), ", and serves what it had"),
                   Cat("does it get enough CPU and memory? ", LogOf(object),
                       "; deleted, its pod comes anew with the newest configuration")});
  }
  if (!client.refused.empty()) {
    out.push_back(
        {kSection, true, object,
         Cat("Envoy refuses the newest version of ", Join(client.refused), ": it keeps the one before, or none"),
         Cat("mend the object that it is made of: its status has Envoy's words (`k8sgateway get`), and so has ",
             LogOfControl(view.pod))});
  }
}

void CheckView(const ControlView& view, Findings& out) {
  const std::string object = "Pod " + view.pod;
  if (!view.ready) {
    out.push_back({kSection, true, object, "it does not know all objects yet, and serves no configuration",
                   Cat("what it waits for stands in its log: ", LogOfControl(view.pod))});
  } else if (view.world_age_seconds > kLongUnheardSeconds) {
    out.push_back({kSection, true, object,
                   Cat("it has not heard the API server for ", view.world_age_seconds,
                       " s: what it serves to its Envoys is older than the objects"),
                   Cat("may it still read them, and reach the API server? ", LogOfControl(view.pod))});
  }
}

}  // namespace

absl::StatusOr<ControlView> ReadControlView(std::string pod, const std::string& json) {
  const yaml::Padded text(json);
  const absl::StatusOr<Node> page = yaml::FromJson(text.view());
  if (!page.ok()) return page.status();
  const Node* data = page->Find("data");
  if (!data || !data->Find("clients")) return absl::InvalidArgumentError("/clients answered something else");
  ControlView view;
  view.pod = std::move(pod);
  view.ready = IsTrueAt(*data, {"ready"});
  view.leads = IsTrueAt(*data, {"leads"});
  view.world_age_seconds = NumberAt(*data, {"worldAgeSeconds"});
  for (std::string& role : TextsAt(*data, {"roles"})) view.roles.insert(std::move(role));
  for (const Node& client : ItemsAt(*data, {"clients"})) view.clients.push_back(ReadClient(client));
  return view;
}

absl::StatusOr<EnvoySelf> ReadServerInfo(const std::string& json) {
  const yaml::Padded text(json);
  const absl::StatusOr<Node> page = yaml::FromJson(text.view());
  if (!page.ok()) return page.status();
  EnvoySelf self{TextAt(*page, {"node", "id"}), TextAt(*page, {"node", "metadata", "role"}), TextAt(*page, {"state"})};
  if (self.state.empty()) return absl::InvalidArgumentError("/server_info answered something else");
  return self;
}

bool HasStuck(const std::vector<Look>& looks) {
  return !looks.empty() && std::any_of(looks.back().begin(), looks.back().end(), [&](const ControlView& view) {
    return std::any_of(view.clients.begin(), view.clients.end(),
                       [&](const ServedClient& client) { return IsStuck(looks, view.pod, client); });
  });
}

bool IsUnsettled(const std::vector<Look>& looks) {
  if (looks.empty() || looks.back().empty()) return false;
  if (HasStuck(looks)) return true;
  bool leads = false;
  for (const ControlView& view : looks.back()) {
    leads = leads || view.leads;
    if (!view.ready) return true;
    for (const ServedClient& client : view.clients) {
      if (client.serving.empty()) return true;
    }
  }
  return !leads;
}

Findings CheckControl(const std::vector<Look>& looks, bool all_asked, const std::string& ns,
                      const std::set<std::string>& pods, const std::set<std::string>& proxies) {
  Findings out;
  if (looks.empty() || looks.back().empty()) return out;
  const Look& last = looks.back();
  std::set<std::string> roles;
  std::set<std::string> asked;
  for (const ControlView& view : last) {
    CheckView(view, out);
    roles.insert(view.roles.begin(), view.roles.end());
    for (const ServedClient& client : view.clients) {
      asked.insert(client.role);
      CheckClient(looks, view, client, pods, out);
    }
  }
  if (!all_asked) return out;
  if (std::none_of(last.begin(), last.end(), [](const ControlView& view) { return view.leads; })) {
    out.push_back(
        {kSection, false, Cat("Lease ", ns, "/gloo"), "no control plane leads, so no status is written",
         Cat("after a restart this takes a quarter of a minute; else: kubectl -n ", ns, " describe lease gloo")});
  }
  for (const std::string& role : roles) {
    const std::string prefix = ns + "~";
    if (!role.starts_with(prefix) || asked.contains(role) || proxies.contains(role.substr(prefix.size()))) continue;
    out.push_back(
        {kSection, false, Cat("Proxy ", ns, "/", role.substr(prefix.size())),
         "it has configuration, and no Envoy asks for it",
         "install a proxy of this name (gatewayProxies in the Helm values), or correct proxyNames of its Gateway"});
  }
  return out;
}

bool IsServed(const EnvoySelf& envoy, const Look& look) {
  return std::any_of(look.begin(), look.end(), [&](const ControlView& view) {
    return std::any_of(view.clients.begin(), view.clients.end(),
                       [&](const ServedClient& client) { return client.node == envoy.node; });
  });
}

Findings CheckServed(const std::string& object, const EnvoySelf& envoy, const Look& look, const std::string& ns) {
  if (look.empty() || !envoy.role.starts_with(ns + "~") || IsServed(envoy, look)) return {};
  return {{kSection, true, object, Cat("no control plane in namespace ", ns, " serves it: it has what it had last"),
           Cat("is it refused, or does it reach another control plane? ", LogOf(object))}};
}

Findings CheckEnvoyState(const Node& pod, const EnvoySelf& envoy) {
  const std::string object = "Pod " + PathOf(pod);
  if (envoy.state == "PRE_INITIALIZING" || envoy.state == "INITIALIZING") {
    return {{kSection, true, object,
             Cat("Envoy waits for its first configuration (", envoy.state, "), and serves nothing"),
             Cat("does a gloo pod run, and does its Service lead to it? ", LogOf(object))}};
  }
  if (IsReady(pod) || envoy.state == "DRAINING") return {};
  return {{kSection, true, object, "Envoy is live, but its pod is not ready, so its Service sends it nothing",
           Cat("kubectl -n ", NamespaceOf(pod), " describe pod ", NameOf(pod))}};
}

Finding UnknownEnvoy(const Node& pod, const std::string& why) {
  const std::string describe = Cat("kubectl -n ", NamespaceOf(pod), " describe pod ", NameOf(pod));
  const std::string object = "Pod " + PathOf(pod);
  if (why.empty()) {
    return {kSection, true, object,
            Cat("it does not run (", TextAt(pod, {"status", "phase"}), "), so this Envoy serves nothing"), describe};
  }
  return {kSection, true, object,
          Cat(IsReady(pod) ? "" : "it is not ready, and ", "its Envoy cannot be asked what it has: ", why),
          Cat(LogOf(object), "; ", describe)};
}

}  // namespace k8sgw::cli
