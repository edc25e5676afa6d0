// What the xDS server serves: named, versioned, already serialized resources, grouped by the proxies that they are for.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "src/base/ptr.h"

namespace k8sgw::xds {

// In make-before-break order: a resource of a type may refer to resources of the types before it, so additions go in
// this order and removals in the reverse one. (Secrets first, as clusters and listeners both wait for them.) A scope is
// the part of a divided table that answers for some hosts: a client that has scopes gets new ones before the listener
// that looks for them, and one that has none asks for them when it has such a listener.
enum class Type : uint8_t { kSecret, kCluster, kEndpoint, kScope, kListener, kRoute };
inline constexpr int kTypeCount = 6;

// "type.googleapis.com/envoy.config.cluster.v3.Cluster".
std::string_view TypeUrl(Type type);
std::optional<Type> TypeOfUrl(std::string_view url);

// The serialized bytes of a resource, in pieces that other resources or older versions of it may share: a
// RouteConfiguration of 10,000 virtual hosts reuses the bytes of those that did not change, in blocks of some hundreds.
using Bytes = absl::InlinedVector<Ptr<std::string>, 1>;

struct Resource {
  Type type{};
  std::string name;
  // Content hash of the bytes in hexadecimal: equal content has an equal version, on every replica.
  std::string version;
  Bytes body;
  // When the pieces of the body were joined from smaller ones: these, shared in the same way. What is new in a version
  // is found by their addresses.
  std::vector<Ptr<std::vector<Ptr<std::string>>>> joined_from;
  // The size of the body in bytes.
  size_t size = 0;
  // A cluster whose endpoints are a resource of the same name.
  bool has_endpoints = false;
  // Of a listener: what clients that have the module get in its place; nullptr when they get the same.
  Ptr<Resource> with_module;
  // Of a listener with the module: the tables that it looks into, each behind a scope of the same name.
  std::vector<std::string> tables;
  // And those of the one without, which it does not ask for.
  std::vector<std::string> plain_tables;
  // A table that only clients that have the module ask for.
  bool only_with_module = false;

  // The same name and version; the bytes follow from these.
  bool operator==(const Resource& other) const {
    return type == other.type && name == other.name && version == other.version &&
           (with_module ? other.with_module && with_module->version == other.with_module->version : !other.with_module);
  }
};

}  // namespace k8sgw::xds
