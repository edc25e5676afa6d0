// Changes of a cluster: `k8sgateway add route`, `create` and `delete`.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "src/cli/cluster/session.h"
#include "src/cli/edit/route.h"

namespace k8sgw::cli {

// All return the exit code, and print what is wrong on `err`.

// Makes one object; one of this name that is there already is an error.
int CreateObject(Session& session, const kube::Resource& resource, const yaml::Node& object, std::ostream& out,
                 std::ostream& err);

struct AddRouteOptions {
  // Of the VirtualService or the RouteTable, which is made when it is missing.
  ObjectName to;
  bool to_route_table = false;
  // Of a VirtualService that is made.
  std::vector<std::string> domains;
  RouteRequest route;
  size_t index = 0;
  // Prints what would be written, and writes nothing.
  bool dry_run = false;
};

// Somebody else's change in between is kept: then it is read and written anew.
int AddRoute(Session& session, const AddRouteOptions& options, std::ostream& out, std::ostream& err);

int DeleteObject(Session& session, const CustomResource& kind, const ObjectName& name, std::ostream& out,
                 std::ostream& err);

}  // namespace k8sgw::cli
