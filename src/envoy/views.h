// What the translations of virtual hosts and clusters, of which there are many, see of Settings and of their listeners:
// the fields that they read. A change of any other runs none of them again.
#pragma once

#include "src/model/objects.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// The Settings that hooks for virtual hosts, routes and clusters may read.
Object<gloov1::Settings> SettingsForMany(const Object<gloov1::Settings>& settings);

// The listener that hooks for virtual hosts and routes may read, see Plugin::for_routes.
proxy::Listener ListenerForRoutes(const proxy::Listener& listener);

}  // namespace k8sgw::envoy
