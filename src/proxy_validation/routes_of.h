// Which routes of a virtual host a problem is about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/model/report.h"
#include "src/proxy/proxy.h"

namespace k8sgw::proxy_validation {

struct PlaceInRoute {
  size_t route = 0;
  // From the route: `matchers[0].prefix`; "" when the problem stands on another object than the route.
  std::string path;
  // Where the route leads is wrong.
  bool of_destination = false;
};

// Whether `path` is `base` or a field below it.
bool IsWithin(std::string_view path, std::string_view base);

// In order. Several when one object is a part of several routes: a RouteTable that two others delegate to, options that
// they share, an UpstreamGroup. None when the problem is one of the virtual host as a whole.
std::vector<PlaceInRoute> RoutesOf(const Problem& problem, const proxy::VirtualHost& host);

}  // namespace k8sgw::proxy_validation
