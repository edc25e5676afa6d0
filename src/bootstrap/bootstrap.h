// What we must know of the bootstrap of an Envoy that we start: that it is YAML, where its admin page is, and which of
// its listeners are for those who look after it, not for traffic.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw::bootstrap {

// An IP address and a port, or the path of a socket; both empty: there is no admin page.
struct AdminAddress {
  std::string host;
  int port = 0;
  std::string path;

  bool exists() const { return port != 0 || !path.empty(); }
};

struct Bootstrap {
  yaml::Node tree;
  AdminAddress admin;
  // The names by which Envoy counts the static listeners of metrics and health.
  std::set<std::string> own_listeners;
};

// Errors: "line N: what: how to mend it". What Envoy thinks of its contents is not known here.
absl::StatusOr<Bootstrap> ReadBootstrap(std::string_view text);

// How many connections `/stats` tells of, in lines such as `listener.[__]_8080.downstream_cx_active: 3`: those of the
// admin page and of `own_listeners` do not count.
int64_t ActiveConnections(std::string_view stats, const std::set<std::string>& own_listeners);

}  // namespace k8sgw::bootstrap
