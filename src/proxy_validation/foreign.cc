#include "src/proxy_validation/foreign.h"

#include <algorithm>
#include <set>
#include <utility>

#include "api/core/v1/metadata.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/base/proto_codec.h"

namespace k8sgw::proxy_validation {
namespace {

constexpr char kFix[] = "hand in the Gateway and the VirtualService that it is made from, to the webhook";

std::string Content(gloov1::VirtualHost host) {
  host.clear_opaque_metadata();
  for (gloov1::Route& route : *host.mutable_routes()) route.clear_opaque_metadata();
  return SerializeDeterministic(host);
}

// The virtual hosts of a listener by name, each with all contents that stand under the name.
using Hosts = std::map<std::string, std::set<std::string>>;

Hosts HostsOf(const gloov1::Listener& listener) {
  Hosts hosts;
  for (const gloov1::VirtualHost& host : listener.http_listener().virtual_hosts())
    hosts[host.name()].insert(Content(host));
  for (const auto& [name, host] : listener.aggregate_listener().http_resources().virtual_hosts())
    hosts[name].insert(Content(host));
  return hosts;
}

// All but the content of its virtual hosts.
std::string Frame(gloov1::Listener listener) {
  listener.clear_opaque_metadata();
  if (listener.has_http_listener()) {
    listener.mutable_http_listener()->clear_opaque_metadata();
    listener.mutable_http_listener()->clear_virtual_hosts();
  }
  if (listener.has_aggregate_listener())
    listener.mutable_aggregate_listener()->mutable_http_resources()->clear_virtual_hosts();
  return SerializeDeterministic(listener);
}

struct Contents {
  std::set<std::string> frames;
  Hosts hosts;
};

std::map<std::string, Contents> ListenersOf(const gloov1::Proxy& proxy) {
  std::map<std::string, Contents> listeners;
  for (const gloov1::Listener& listener : proxy.listeners()) {
    Contents& contents = listeners[listener.name()];
    contents.frames.insert(Frame(listener));
    for (auto& [name, all] : HostsOf(listener)) contents.hosts[name].merge(all);
  }
  return listeners;
}

bool Contains(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

ProxyFindings CompareWithOwn(const gloov1::Proxy& given, const gloov1::Proxy* own, ProxyFindings findings) {
  const ResourceKey object{Kind::kProxy, given.metadata().namespace_(), given.metadata().name()};
  const auto unknown = [&](const std::string& what, const std::string& name) {
    const std::string why = own ? " differs from the one that is made of the objects here"
                                : " cannot be validated, because no Gateway here makes this Proxy";
    Problem problem{object, Severity::kError, "", what + " \"" + name + "\"" + why, kFix};
    return FoundProblems{{}, {std::move(problem)}};
  };
  const auto ours = own ? ListenersOf(*own) : std::map<std::string, Contents>();
  for (const auto& [name, theirs] : ListenersOf(given)) {
    static const Contents kNone;
    const auto known = ours.find(name);
    const Contents& mine = known == ours.end() ? kNone : known->second;
    ListenerFindings& found = findings[name];
    if (!Contains(mine.frames, theirs.frames)) static_cast<FoundProblems&>(found) = unknown("the listener", name);
    for (const auto& [host, contents] : theirs.hosts) {
      const auto same = mine.hosts.find(host);
      if (same != mine.hosts.end() && Contains(same->second, contents)) continue;
      static_cast<FoundProblems&>(found.hosts[host]) = unknown("the virtual host", host);
      found.hosts[host].part = nullptr;
    }
  }
  return findings;
}

}  // namespace k8sgw::proxy_validation
