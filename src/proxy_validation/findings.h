// What is wrong with each part of the Proxies, as the graph shows it: in a speculation, as it would be.
#pragma once

#include <map>
#include <string>

#include "src/pipeline/pipeline.h"
#include "src/proxy/proxy.h"

namespace k8sgw::proxy_validation {

// Who found a problem says what it is about where its path alone does not.
struct FoundProblems {
  // When parts were made from users' objects: domains and addresses that others have, delegation, options.
  Problems of_objects;
  // When the part was translated for Envoy.
  Problems of_translation;
};

struct HostFindings : FoundProblems {
  // nullptr when it is none of ours.
  Ptr<proxy::VirtualHost> part;
};

struct ListenerFindings : FoundProblems {
  // By the name of the virtual host.
  std::map<std::string, HostFindings> hosts;
};

// By the name of the listener. Listeners of one name, which Gateways with one address have, share what is found.
using ProxyFindings = std::map<std::string, ListenerFindings>;

// Of all Proxies, in their current version: also of what is refused, while an older version serves.
std::map<ProxyRef, ProxyFindings> CollectFindings(const Pipeline& pipeline);

}  // namespace k8sgw::proxy_validation
