// The closed set of kinds: their names in the API, and one variant type that holds an object of any of them.
//
// Light on purpose: the message types are only declared here. Include the generated header where fields are read.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "src/base/ptr.h"
#include "src/model/report.h"
#include "src/model/resource.h"

namespace gateway::solo::io {
class Gateway;
class HttpListenerOption;
class ListenerOption;
class MatchableHttpGateway;
class MatchableTcpGateway;
class RouteOption;
class RouteTable;
class VirtualHostOption;
class VirtualService;
}  // namespace gateway::solo::io
namespace gloo::solo::io {
class Artifact;
class Proxy;
class Secret;
class Settings;
class Upstream;
class UpstreamGroup;
}  // namespace gloo::solo::io

namespace k8sgw {

namespace core {
struct EndpointSlice;
struct Node;
struct Pod;
struct Service;
}  // namespace core

// Short names for the packages of the published API.
namespace gatewayv1 = ::gateway::solo::io;
namespace gloov1 = ::gloo::solo::io;

// What is kept of an object from which nothing is translated, once its fields are found to be good (see
// src/model/unread.h).
struct Unread {
  // The hash of its fields.
  uint64_t content = 0;
};

using GatewayRef = Ref<gatewayv1::Gateway>;
using VirtualServiceRef = Ref<gatewayv1::VirtualService>;
using RouteTableRef = Ref<gatewayv1::RouteTable>;
using RouteOptionRef = Ref<gatewayv1::RouteOption>;
using VirtualHostOptionRef = Ref<gatewayv1::VirtualHostOption>;
using UpstreamRef = Ref<gloov1::Upstream>;
using UpstreamGroupRef = Ref<gloov1::UpstreamGroup>;
using SecretRef = Ref<gloov1::Secret>;
using ArtifactRef = Ref<gloov1::Artifact>;
using SettingsRef = Ref<gloov1::Settings>;
using ProxyRef = Ref<gloov1::Proxy>;
using ServiceRef = Ref<core::Service>;
using EndpointSliceRef = Ref<core::EndpointSlice>;
using PodRef = Ref<core::Pod>;
// Its namespace is "".
using NodeRef = Ref<core::Node>;

// An object of any kind. std::monostate stands for "no such object any more".
using AnyObject =
    std::variant<std::monostate, Ptr<Object<gloov1::Settings>>, Ptr<Object<gatewayv1::Gateway>>,
                 Ptr<Object<gatewayv1::VirtualService>>, Ptr<Object<gatewayv1::RouteTable>>,
                 Ptr<Object<gatewayv1::VirtualHostOption>>, Ptr<Object<gatewayv1::RouteOption>>,
                 Ptr<Object<gloov1::Upstream>>, Ptr<Object<gloov1::UpstreamGroup>>, Ptr<Object<gloov1::Secret>>,
                 Ptr<Object<gloov1::Artifact>>, Ptr<Object<gatewayv1::MatchableHttpGateway>>,
                 Ptr<Object<gatewayv1::MatchableTcpGateway>>, Ptr<Object<gatewayv1::ListenerOption>>,
                 Ptr<Object<gatewayv1::HttpListenerOption>>, Ptr<Object<Unread>>, Ptr<Object<core::Service>>,
                 Ptr<Object<core::EndpointSlice>>, Ptr<Object<core::Pod>>, Ptr<Object<core::Node>>>;

// Of the object's content; 0 when there is none.
uint64_t HashOf(const AnyObject& object);

// One step of a source: the object that now stands at `key`, or monostate when it is gone.
struct Change {
  Change();
  Change(ResourceKey key, AnyObject object);
  Change(const Change&);
  Change(Change&&) noexcept;
  Change& operator=(const Change&);
  Change& operator=(Change&&) noexcept;
  // Defined out of line, where the message types are complete: others need only this header.
  ~Change();

  // Whether the object is gone.
  bool gone() const;
  void SetGone();
  // See HashOf.
  uint64_t hash() const;
  // The object, or nullptr when it is gone; `Spec` must be the one of key.kind, as the object is kept.
  template <class Spec>
  Ptr<Object<Spec>> As() const {
    return std::static_pointer_cast<const Object<Spec>>(Untyped());
  }

  ResourceKey key;
  AnyObject object;

 private:
  std::shared_ptr<const void> Untyped() const;
};

// How a kind is named in files and in the Kubernetes API.
struct KindInfo {
  Kind kind;
  std::string_view api_version;  // "gateway.solo.io/v1"
  std::string_view plural;       // "virtualservices": also the folder of the original's file layout
  bool of_cluster = false;       // its objects are in no namespace
};

// All kinds that users may write; in the order of Kind.
std::span<const KindInfo> AllKinds();
// Those of Kubernetes itself that say where Services lead.
std::span<const KindInfo> CoreKinds();
// By the kind's name ("VirtualService", "Service"), or nullptr.
const KindInfo* FindKind(std::string_view name);
// By the plural ("virtualservices"), or nullptr.
const KindInfo* FindPlural(std::string_view plural);

}  // namespace k8sgw
