#include "src/explain/explain.h"

#include <fmt/core.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/type/matcher/v3/regex.proto.h"
#include "src/base/address.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"
#include "src/explain/asked.h"
#include "src/explain/match.h"
#include "src/explain/normalize.h"

namespace k8sgw::explain {
namespace {

namespace clusterv3 = ::envoy::config::cluster::v3;
namespace listenerv3 = ::envoy::config::listener::v3;
namespace routev3 = ::envoy::config::route::v3;
namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;

template <class Message>
bool Find(const Snapshot& snapshot, xds::Type type, const std::string& name, Message* out) {
  const auto resources = snapshot.find(type);
  if (resources == snapshot.end()) return false;
  const auto resource = resources->second.find(name);
  if (resource == resources->second.end()) return false;
  *out = envoy::Parse<Message>(*resource->second);
  return true;
}

class Explainer {
 public:
  Explainer(const Pipeline& pipeline, const Request& request, const Locate& locate)
      : pipeline_(pipeline), given_(request), request_(request), locate_(locate) {}

  std::string Run() {
    for (const std::string& role : pipeline_.roles()) {
      snapshot_ = pipeline_.ResourcesOf(role);
      role_ = role;
      Listeners();
    }
    if (!found_) {
      Line("no listener takes this request");
      for (const std::string& miss : misses_) Line("  " + miss);
      if (HasErrors(pipeline_.problems()))
        Line("  objects with errors are not served: `k8sgateway validate` names them");
    }
    return out_;
  }

 private:
  void Line(const std::string& text) { out_ += text + "\n"; }

  std::string From(const proxy::Source& source) {
    std::string text = source.object.ToString();
    if (!source.path.empty()) text += " " + source.path;
    if (const std::string place = locate_(source); !place.empty()) text += " (" + place + ")";
    return text;
  }

  void Listeners() {
    const auto listeners = snapshot_.find(xds::Type::kListener);
    if (listeners == snapshot_.end()) return;
    for (const auto& [name, resource] : listeners->second) {
      const auto listener = envoy::Parse<listenerv3::Listener>(*resource);
      if (!listener.address().has_socket_address()) continue;
      const bool tls = listener.filter_chains_size() > 0 && listener.filter_chains(0).has_transport_socket();
      const uint32_t port = listener.address().socket_address().port_value();
      // A port in front of the proxy (80, 443) is mapped by a Service: then the kind of listener decides.
      const bool mapped = request_.port == 80 || request_.port == 443;
      if (!mapped && static_cast<int>(port) != request_.port) {
        misses_.push_back(fmt::format("listener {}: its port is {}, not {}", name, port, request_.port));
      } else if (tls != request_.tls) {
        misses_.push_back(fmt::format("listener {}: it speaks {}, the request {}", name, tls ? "TLS" : "plain HTTP",
                                      request_.tls ? "TLS" : "plain HTTP"));
      } else {
        Chains(listener);
      }
    }
  }

  const listenerv3::FilterChain* ChooseChain(const listenerv3::Listener& listener) {
    const std::string& server = request_.server_name;
    const listenerv3::FilterChain* best = nullptr;
    size_t best_length = 0;
    for (const auto& chain : listener.filter_chains()) {
      const auto& names = chain.filter_chain_match().server_names();
      if (names.empty() && !best) best = &chain;
      for (const std::string& name : names) {
        const bool wildcard = name.starts_with("*.");
        const bool matches = wildcard ? server.ends_with(name.substr(1)) : server == name;
        const size_t length = wildcard ? name.size() : name.size() + 1000;
        if (matches && length > best_length) {
          best = &chain;
          best_length = length;
        }
      }
    }
    return best;
  }

  void Chains(const listenerv3::Listener& listener) {
    found_ = true;
    const auto& address = listener.address().socket_address();
    Line(fmt::format("listener        {}  ({}, proxy {})", listener.name(),
                     HostAndPort(address.address(), address.port_value()), role_));
    pipeline_.envoy().served_listeners().ForEach([&](const proxy::ListenerKey& key, const Ptr<proxy::Listener>& from) {
      if (envoy::Role(key.proxy) == role_ && from->spec->name() == listener.name())
        Line("  from          " + From(from->source));
    });
    const auto* chain = ChooseChain(listener);
    if (!chain) {
      Line("filter chain    none: no SNI domain matches " + request_.server_name + ", so the connection is closed");
      return;
    }
    if (request_.tls) {
      std::string names;
      for (const auto& name : chain->filter_chain_match().server_names()) names += (names.empty() ? "" : ", ") + name;
      Line(fmt::format("filter chain    {}  (SNI {})", chain->name(), names.empty() ? "any" : names));
    }
    hcmv3::HttpConnectionManager hcm;
    const auto& filters = chain->filters();
    // The connection manager is the last of the network filters.
    if (filters.empty() || !filters.rbegin()->typed_config().UnpackTo(&hcm)) return;
    request_ = given_;
    if (hcm.strip_any_host_port()) request_.host = StripPort(request_.host);
    const NormalizedPath normalized = NormalizePath(request_.path, hcm);
    if (!normalized.answer.empty()) return Line("answer          " + normalized.answer);
    if (normalized.path != request_.path) Line("path            " + normalized.path + "  (normalized)");
    request_.path = normalized.path;
    Routes(hcm);
  }

  void Routes(const hcmv3::HttpConnectionManager& hcm) {
    const std::string& name = hcm.rds().route_config_name();
    routev3::RouteConfiguration routes;
    if (!Find(snapshot_, xds::Type::kRoute, name, &routes)) {
      Line("routes          " + name + " do not exist: every request is answered 404");
      return;
    }
    Line("routes          " + name);
    const DomainMatch match = MatchDomain(routes, request_);
    if (match.virtual_host < 0) {
      Line("virtual host    none: no domain matches " + request_.host + ", so the answer is 404");
      std::vector<std::string> misses;
      for (const auto& host : routes.virtual_hosts()) {
        std::string domains;
        for (const auto& domain : host.domains()) domains += (domains.empty() ? "" : ", ") + domain;
        misses.push_back(host.name() + ": its domains are " + domains);
      }
      return Misses(misses);
    }
    const auto& host = routes.virtual_hosts(match.virtual_host);
    Line(fmt::format("virtual host    {}  (by domain {})", host.name(), match.domain));
    const Ptr<proxy::VirtualHost> from = VirtualHostSource(host.name());
    if (from) Line("  from          " + From(from->source));
    MissedByPort(routes, match);
    std::vector<std::string> misses;
    for (const auto& route : host.routes()) {
      const std::string why = WhyNot(route, request_);
      if (!why.empty()) {
        misses.push_back(route.name() + ": " + why);
        continue;
      }
      Misses(misses);
      return Route(route, host, from, AskedServers(hcm, routes, host, route));
    }
    Misses(misses);
    Line("route           none matches, so the answer is 404");
  }

  // The first ones and the last ones: those are nearest to what was found.
  void Misses(const std::vector<std::string>& misses) {
    for (size_t i = 0; i < misses.size(); ++i) {
      if (i == kMaxMisses / 2 && misses.size() > kMaxMisses) {
        Line(fmt::format("  not           … {} others …", misses.size() - kMaxMisses));
        i += misses.size() - kMaxMisses;
      }
      Line("  not           " + misses[i]);
    }
  }

  // The port of a Host header is part of the name, which surprises many.
  void MissedByPort(const routev3::RouteConfiguration& routes, const DomainMatch& match) {
    Request without = request_;
    without.host = StripPort(request_.host);
    const DomainMatch other = MatchDomain(routes, without);
    if (other.virtual_host < 0 || other.virtual_host == match.virtual_host) return;
    Line(fmt::format("  not           {}: its domain {} has no port, and the Host header has one",
                     routes.virtual_hosts(other.virtual_host).name(), other.domain));
  }

  Ptr<proxy::VirtualHost> VirtualHostSource(const std::string& name) {
    Ptr<proxy::VirtualHost> found;
    pipeline_.envoy().served_virtual_hosts().ForEach(
        [&](const proxy::VirtualHostKey& key, const Ptr<envoy::ServedVirtualHost>& served) {
          if (envoy::Role(key.listener.proxy) == role_ &&
              envoy::SanitizeStatName(served->host->from->spec->name()) == name) {
            found = served->host->from;
          }
        });
    return found;
  }

  void Route(const routev3::Route& route, const routev3::VirtualHost& host, const Ptr<proxy::VirtualHost>& from,
             const std::vector<std::string>& asked) {
    Line("route           " + route.name());
    const proxy::Source* source = from ? envoy::RouteSource(*from, route.name()) : nullptr;
    if (source) Line("  from          " + From(*source));
    for (const std::string& line : asked) Line(line);
    if (host.require_tls() == routev3::VirtualHost::ALL && !request_.tls) {
      Line("answer          301 to https, because the virtual host requires TLS");
    } else if (route.has_redirect()) {
      Line("answer          " + Redirect(route.redirect()));
    } else if (route.has_direct_response()) {
      Line(fmt::format("answer          {} directly", route.direct_response().status()));
    } else if (route.route().has_weighted_clusters()) {
      for (const auto& cluster : route.route().weighted_clusters().clusters())
        Cluster(cluster.name(), fmt::format("  (weight {})", cluster.weight().value()));
    } else if (route.route().cluster_specifier_case() == routev3::RouteAction::kClusterHeader) {
      const std::vector<std::string> names = request_.Values(route.route().cluster_header());
      if (!names.empty()) {
        Cluster(names.front(), "  (from header " + route.route().cluster_header() + ")");
      } else {
        Line("cluster         none: header " + route.route().cluster_header() + " is missing, so the answer is 503");
      }
    } else {
      Cluster(route.route().cluster(), "");
    }
  }

  void Cluster(const std::string& name, const std::string& note) {
    Line("cluster         " + name + note);
    clusterv3::Cluster cluster;
    if (!Find(snapshot_, xds::Type::kCluster, name, &cluster)) {
      Line("  missing       there is no such cluster, so the answer is 503");
      return;
    }
    if (const size_t cut = name.rfind('_'); cut != std::string::npos) {
      Line("  from          " + From({{Kind::kUpstream, name.substr(cut + 1), name.substr(0, cut)}, ""}));
    }
    for (const auto& locality : cluster.load_assignment().endpoints()) {
      for (const auto& endpoint : locality.lb_endpoints()) {
        const auto& address = endpoint.endpoint().address();
        const auto& socket = address.socket_address();
        Line("  endpoint      " +
             (address.has_pipe() ? address.pipe().path() : HostAndPort(socket.address(), socket.port_value())));
      }
    }
  }

  static std::string Redirect(const routev3::RedirectAction& redirect) {
    std::string text = fmt::format("{} to", kRedirectCodes.at(static_cast<size_t>(redirect.response_code())));
    if (redirect.https_redirect()) text += " https,";
    if (!redirect.host_redirect().empty()) text += " host " + redirect.host_redirect() + ",";
    if (redirect.port_redirect() > 0) text += fmt::format(" port {},", redirect.port_redirect());
    if (!redirect.path_redirect().empty()) text += " path " + redirect.path_redirect() + ",";
    if (!redirect.prefix_rewrite().empty())
      text += " the path with " + redirect.prefix_rewrite() + " for what matched,";
    if (redirect.has_regex_rewrite()) {
      text += fmt::format(" the path with {} for {},", redirect.regex_rewrite().substitution(),
                          redirect.regex_rewrite().pattern().regex());
    }
    if (redirect.strip_query()) text += " without the query,";
    if (text.ends_with(",")) {
      text.pop_back();
    } else {
      text += " the same place";
    }
    return text;
  }

  // By the numbers of Envoy's enum.
  static constexpr std::array<int, 5> kRedirectCodes = {301, 302, 303, 307, 308};
  static constexpr size_t kMaxMisses = 20;

  const Pipeline& pipeline_;
  const Request& given_;
  // As the routes of the current listener see it.
  Request request_;
  const Locate& locate_;
  std::string role_;
  Snapshot snapshot_;
  std::string out_;
  std::vector<std::string> misses_;
  bool found_ = false;
};

}  // namespace

std::string Explain(const Pipeline& pipeline, const Request& request, const Locate& locate) {
  return Explainer(pipeline, request, locate).Run();
}

}  // namespace k8sgw::explain
