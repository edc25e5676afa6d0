// The URLs of an API server.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::kube {

// All objects of one kind, or those in one namespace: what is listed and watched, and where objects are created.
struct Resource {
  std::string group;  // "" for the core
  std::string version;
  std::string plural;
  std::string namespace_;  // "" for all namespaces, and for kinds of the cluster

  bool operator==(const Resource&) const = default;
};

// Whether somebody has defined the kind: the others are there on every API server. Groups of definitions have a dot, as
// have those of Kubernetes that are younger; of these we follow one.
bool IsCustom(const Resource& resource);

// With everything but letters, digits and -._~ escaped.
std::string EscapeUrl(std::string_view text);

// /apis/gateway.solo.io/v1/namespaces/default/virtualservices
std::string CollectionPath(const Resource& resource);
// The same with /name behind it, and maybe /status or another subresource.
std::string ObjectPath(const Resource& resource, std::string_view name, std::string_view subresource = "");

}  // namespace k8sgw::kube
