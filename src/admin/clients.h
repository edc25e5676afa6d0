// Who is served over xDS, and who does not follow, as JSON: what `k8sgateway check` asks for.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "src/xds/engine.h"

namespace k8sgw::admin {

struct Served {
  // The first complete world is served.
  bool ready = false;
  // This process writes statuses.
  bool leads = false;
  // For how long the source of objects has not been heard; 0 while it is.
  int64_t world_age_seconds = 0;
  // All that have configuration.
  std::set<std::string> roles;
  std::vector<xds::ClientState> clients;
};

// {"data": {"ready", "leads", "worldAgeSeconds", "roles": [], "clients": [{"node", "role", "serving", "behind":
// [types], "refused": [{"type", "name"}], "answers"}]}, "error": ""}. There is no configuration in it, so nothing to
// redact.
std::string WriteClients(const Served& served);

}  // namespace k8sgw::admin
