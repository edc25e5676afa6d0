// What an option is made of: one folder under plugins/, one Plugin.
//
// A plugin translates its own fields of the options messages, and nothing else. Its hooks are pure functions: they
// read their arguments and write to the Envoy messages under construction that they are handed. What a route needs
// from its listener (a filter) travels up as a Need; no hook keeps state. A field that no plugin claims gives the user
// a warning, so that nothing is ignored in silence.
//
// See docs/adding-an-option.md.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/map.h>
#include <google/protobuf/message.h>

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/envoy/context.h"
#include "src/envoy/reporter.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}
namespace envoy::config::listener::v3 {
class FilterChain;
class Listener;
}  // namespace envoy::config::listener::v3
namespace envoy::config::route::v3 {
class Route;
class RouteAction;
class VirtualHost;
class WeightedCluster_ClusterWeight;
}  // namespace envoy::config::route::v3
namespace envoy::extensions::filters::http::router::v3 {
class Router;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
}
namespace envoy::extensions::upstreams::http::v3 {
class HttpProtocolOptions;
}
namespace gloo::solo::io {
class Destination;
class HttpListenerOptions;
class ListenerOptions;
class Route;
class RouteOptions;
class VirtualHost;
class VirtualHostOptions;
class WeightedDestinationOptions;
}  // namespace gloo::solo::io

namespace k8sgw::envoy {

namespace clusterv3 = ::envoy::config::cluster::v3;
namespace listenerv3 = ::envoy::config::listener::v3;
namespace routev3 = ::envoy::config::route::v3;
namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
namespace routerv3 = ::envoy::extensions::filters::http::router::v3;
namespace upstreamhttpv3 = ::envoy::extensions::upstreams::http::v3;

// Where a filter stands in its chain: by stage, then before (-1), during (0) or after (1) it, then by name.
enum class Stage { kFault, kCors, kWaf, kAuthN, kAuthZ, kRateLimit, kAccepted, kOutAuth, kRoute };
struct FilterPlace {
  Stage stage;
  int weight = 0;
};

// Names of HTTP filters that some route or virtual host of a listener has configuration for.
using Needs = std::set<std::string, std::less<>>;

// Configuration of HTTP filters for one virtual host, route or weighted cluster.
class PerFilterConfig {
 public:
  // `typed_per_filter_config` and `needs` are filled.
  using Map = google::protobuf::Map<std::string, google::protobuf::Any>;
  PerFilterConfig(Map& typed_per_filter_config, Needs& needs) : map_(typed_per_filter_config), needs_(needs) {}

  // Sets the configuration of `filter` here, and makes the listener have that filter.
  void Set(std::string_view filter, const google::protobuf::Message& config);
  // The same for a listener that has the filter anyway: without it, the configuration means nothing.
  void SetIfThere(std::string_view filter, const google::protobuf::Message& config);
  bool Has(std::string_view filter) const;

 private:
  Map& map_;
  Needs& needs_;
};

// --- the hooks' arguments. `report` has the options message as its place: report.Error("cors.allowOrigin", …).

struct VirtualHostArgs {
  const Context& context;
  const gloov1::VirtualHost& virtual_host;
  const gloov1::VirtualHostOptions& options;
  // What `for_routes` of the plugins copies.
  const gloov1::HttpListenerOptions& http_listener_options;
  Reporter& report;
  routev3::VirtualHost& out;
  PerFilterConfig& filters;
};

struct RouteArgs {
  const Context& context;
  const gloov1::Route& route;
  const gloov1::RouteOptions& options;
  const gloov1::VirtualHostOptions& virtual_host_options;
  // What `for_routes` of the plugins copies.
  const gloov1::HttpListenerOptions& http_listener_options;
  Reporter& report;
  routev3::Route& out;
  // The action when the route forwards requests; nullptr for redirects and direct responses. An option that only makes
  // sense for forwarded requests calls RequireAction.
  routev3::RouteAction* action;
  PerFilterConfig& filters;

  // action != nullptr; otherwise warns that `field` has no effect here.
  bool RequireAction(std::string_view field) const;
};

struct WeightedDestinationArgs {
  const Context& context;
  const gloov1::Destination& destination;
  const gloov1::WeightedDestinationOptions& options;
  Reporter& report;
  routev3::WeightedCluster_ClusterWeight& out;
  PerFilterConfig& filters;
};

// One HTTP connection manager.
struct HttpListenerArgs {
  const Context& context;
  const gloov1::HttpListenerOptions& options;
  // Filters that some virtual host or route behind this listener has configuration for.
  const Needs& needs;
  Reporter& report;
  hcmv3::HttpConnectionManager& out;
  // The configuration of the router filter, which is always last and not added by plugins.
  routerv3::Router& router;

  // Adds an HTTP filter.
  void AddFilter(FilterPlace place, std::string_view name, const google::protobuf::Message& config) const;
  // Adds an HTTP filter that is off but where a virtual host, route or weighted cluster has configuration for it.
  void AddDisabledFilter(FilterPlace place, std::string_view name, const google::protobuf::Message& config) const;
  // Adds a network filter in front of the connection manager: it sees connections, before there are requests.
  void AddNetworkFilter(FilterPlace place, std::string_view name, const google::protobuf::Message& config) const;
  // True when the filter is wanted though nothing needs it: published default, off with removeUnusedFilters.
  bool KeepUnusedFilters() const;

  // For the caller.
  struct Filter {
    FilterPlace place;
    std::string name;
    std::string type_url;
    std::string bytes;
    bool disabled = false;
  };
  std::vector<Filter>& filters_out;
  std::vector<Filter>& network_filters_out;
};

// One listener; `hcms` are not part of it (see HttpListenerArgs), but access logs may be set on both.
struct ListenerArgs {
  const Context& context;
  const gloov1::ListenerOptions& options;
  Reporter& report;
  listenerv3::Listener& out;
};

// The connection manager's part of ListenerOptions (access logs).
struct ListenerHcmArgs {
  const Context& context;
  const gloov1::ListenerOptions& options;
  Reporter& report;
  hcmv3::HttpConnectionManager& out;
};

struct ClusterArgs {
  const Context& context;
  const UpstreamRef& ref;
  const gloov1::Upstream& upstream;
  Reporter& report;
  clusterv3::Cluster& out;
  // The cluster's HttpProtocolOptions; attached when any hook wrote to it. Without a protocol it means HTTP/1.1.
  upstreamhttpv3::HttpProtocolOptions& http;
};

struct Plugin {
  std::string_view name;
  // Full names of the fields that this plugin translates: "gloo.solo.io.RouteOptions.cors". Messages below a claimed
  // field count as translated, except for what `not_yet` names.
  std::span<const std::string_view> claims;
  // Full names of fields below claimed ones that are decoded but not translated: users get a warning for each.
  std::span<const std::string_view> not_yet = {};

  // What holds in every table of routes unless a virtual host, route or weighted cluster says otherwise. The same for
  // all listeners, so that it is there before a listener gets the filter.
  void (*route_table)(PerFilterConfig&) = nullptr;
  // Copies what the hooks below for virtual hosts and routes read of the listener's options: a change of anything else
  // runs none of them again.
  void (*for_routes)(const gloov1::HttpListenerOptions& from, gloov1::HttpListenerOptions& to) = nullptr;
  void (*virtual_host)(const VirtualHostArgs&) = nullptr;
  void (*route)(const RouteArgs&) = nullptr;
  void (*weighted_destination)(const WeightedDestinationArgs&) = nullptr;
  void (*http_listener)(const HttpListenerArgs&) = nullptr;
  void (*listener)(const ListenerArgs&) = nullptr;
  void (*listener_hcm)(const ListenerHcmArgs&) = nullptr;
  void (*cluster)(const ClusterArgs&) = nullptr;
  // After all `cluster` hooks: wraps what they made (transport sockets).
  void (*finish_cluster)(const ClusterArgs&) = nullptr;
};

// All plugins, in the order of their folders' names. Generated.
std::span<const Plugin* const> AllPlugins();

// Warns about every set field of `options` (a message whose fields plugins claim) that no plugin translates, about the
// fields below that are named in `not_yet`, and about published ones that mean nothing here.
void WarnUntranslated(const google::protobuf::Message& options, Reporter& report);

// Packs without the non-determinism of maps: equal messages give equal bytes.
void PackAny(const google::protobuf::Message& message, google::protobuf::Any* any);

}  // namespace k8sgw::envoy
