// The kinds that a control plane follows, by Kind, and where their objects are at an API server.
#pragma once

#include <string>

#include "src/model/resource.h"
#include "src/sources/cluster/watched_kind.h"

namespace k8sgw::sim {

// nullptr when it is not followed.
const cluster::WatchedKind* KindOf(Kind kind);
// Whether somebody writes a status to objects of the kind.
bool HasStatus(Kind kind);
// /apis/gateway.solo.io/v1/namespaces/default/virtualservices/v0
std::string PathOf(const ResourceKey& key);

}  // namespace k8sgw::sim
