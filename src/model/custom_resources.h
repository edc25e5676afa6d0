// The custom resources of the API: what a CustomResourceDefinition says of each, besides the schema.
//
// The one table of their names. Kinds that are read from files are in AllKinds() (objects.h) too, which takes their
// names from here.
#pragma once

#include <span>
#include <string_view>

namespace k8sgw {

struct CustomResource {
  // "VirtualService".
  std::string_view kind;
  // "gateway.solo.io/v1"; one version of each is served and stored.
  std::string_view api_version;
  // "virtualservices".
  std::string_view plural;
  // "virtualservice".
  std::string_view singular;
  // What may be written for the plural, as in `kubectl get vs`.
  std::span<const std::string_view> short_names;
  // Groups of kinds that one name stands for, as in `kubectl get gloo-gateway`.
  std::span<const std::string_view> categories;
  // The message that holds the fields of the spec, by its full name.
  std::string_view spec;
  // Whether status is written apart from the rest, at the path /status. Without it a status is a part of the object.
  bool status_subresource = false;
  // Whether the API server keeps what the schema does not know, and takes numbers as text too.
  bool open = false;

  // "gateway.solo.io".
  constexpr std::string_view group() const { return api_version.substr(0, api_version.find('/')); }
  // "v1".
  constexpr std::string_view version() const { return api_version.substr(api_version.find('/') + 1); }
};

// All of them; the order is that of the API groups.
std::span<const CustomResource> AllCustomResources();
// By the kind, or nullptr.
const CustomResource* FindCustomResource(std::string_view kind);

}  // namespace k8sgw
