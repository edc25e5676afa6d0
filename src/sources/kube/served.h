// What an API server says of the kinds that it serves ("discovery" in Kubernetes): whether one of ours is not among
// them. Every account may ask, by the ClusterRole system:discovery that each cluster begins with.
//
// Only a whole and proper answer of 200 is a proof that something is not there; whatever else comes is none.
#pragma once

#include <string>
#include <string_view>

#include "src/sources/kube/resource_path.h"

namespace k8sgw::kube {

// The kinds of the resource's group and version; not for those of the core. 404 when there are none, but also from a
// server that says so of everything. So then the list of all groups is asked for.
std::string ServedPath(const Resource& resource);
inline constexpr char kGroupsPath[] = "/apis";

// `body` came with 200 from ServedPath: it is the list of that group and version, without the resource.
bool LacksResource(std::string_view body, const Resource& resource);
// `body` came with 200 from kGroupsPath: it is the list of all groups, without that group in that version.
bool LacksVersion(std::string_view body, const Resource& resource);

}  // namespace k8sgw::kube
