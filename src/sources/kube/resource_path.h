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

// With everything but letters, digits and -._~ escaped.
std::string EscapeUrl(std::string_view text);

// /apis/gateway.solo.io/v1/namespaces/default/virtualservices
std::string CollectionPath(const Resource& resource);
// The same with /name behind it, and maybe /status or another subresource.
std::string ObjectPath(const Resource& resource, std::string_view name, std::string_view subresource = "");

}  // namespace k8sgw::kube
