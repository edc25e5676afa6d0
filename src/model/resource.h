// The objects that users write, as typed, immutable, shared values.
//
// A Ref<Spec> names one object of one kind; refs of different kinds are different types. An Object<Spec> is one decoded
// object: its name, the metadata that translation reads, and its spec as a protobuf message. Equality is by content
// hash, so that rewriting a file with the same content changes nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "src/base/name.h"
#include "src/base/ptr.h"

namespace k8sgw {

// The kinds of objects, in the order in which reports list them.
enum class Kind : uint8_t {
  kSettings,
  kGateway,
  kVirtualService,
  kRouteTable,
  kVirtualHostOption,
  kRouteOption,
  kUpstream,
  kUpstreamGroup,
  kSecret,
  kArtifact,
  kMatchableHttpGateway,
  kMatchableTcpGateway,
  kListenerOption,
  kHttpListenerOption,
  kAuthConfig,
  kRateLimitConfig,
  kGatewayParameters,
  kDirectResponse,
  kService,
  kEndpointSlice,
  kPod,
  kNode,
  kProxy,
  // A part of a file that is no object: what it is cannot be told, or it is of a kind that is not ours.
  kDocument,
};

// "VirtualService".
std::string_view KindName(Kind kind);

// Names one object of any kind: what reports are attached to.
struct ResourceKey {
  Kind kind = Kind::kDocument;
  Name ns;
  Name name;

  auto operator<=>(const ResourceKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const ResourceKey& key) {
    return H::combine(std::move(state), key.kind, key.ns, key.name);
  }
  // "VirtualService default/petstore"; "-" stands for what is not known.
  std::string ToString() const;
};

// Names one object whose spec is a `Spec`.
template <class Spec>
struct Ref {
  Name ns;
  Name name;

  auto operator<=>(const Ref&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const Ref& key) {
    return H::combine(std::move(state), key.ns, key.name);
  }
  // "default/petstore".
  std::string ToString() const { return ns + "/" + name; }
};

using Labels = std::map<std::string, std::string>;

template <class Spec>
struct Object {
  Ref<Spec> ref;
  Labels labels;
  Labels annotations;
  // RFC 3339, as in metadata.creationTimestamp; "" when the source has none (files).
  std::string created;
  int64_t generation = 0;
  Spec spec;
  // Of everything above but the generation, which also counts writes of the status: those change nothing here.
  uint64_t hash = 0;

  bool operator==(const Object& other) const { return hash == other.hash && ref == other.ref; }
};

}  // namespace k8sgw
