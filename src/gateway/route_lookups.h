// What delegation looks up in other objects. In the graph every call is a recorded read; in tests it is a map.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "src/gateway/places.h"
#include "src/model/label_selector.h"

namespace k8sgw::gateway {

// Which RouteTables a selector means.
struct RouteTableSelection {
  // Empty means all that are watched.
  std::set<std::string> namespaces;
  Labels labels;
  std::vector<Requirement> requirements;
};

struct RouteLookups {
  // Each returns nullptr when there is no such object that counts.
  std::function<Ptr<Object<gatewayv1::RouteTable>>(const RouteTableRef&)> route_table;
  std::function<Ptr<Object<gatewayv1::RouteOption>>(const RouteOptionRef&)> route_option;
  // In the order of namespace and name.
  std::function<std::vector<RouteTableRef>(const RouteTableSelection&)> select;
  // What is wrong with the content of a RouteTable or RouteOption; nullptr when nothing is.
  std::function<Ptr<Problems>(const ResourceKey&)> content_problems;
};

}  // namespace k8sgw::gateway
