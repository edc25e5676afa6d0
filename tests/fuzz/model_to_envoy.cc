// Objects, written as YAML, through the whole translation: the result can be sent, and depends on the objects alone.
#include <algorithm>
#include <random>
#include <set>

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/scoped_route.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/resource.h"
#include "src/model/decode.h"
#include "src/pipeline/pipeline.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/require.h"

namespace k8sgw::fuzz {
namespace {

constexpr char kGateway[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, proxyNames: [gateway-proxy], httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy-ssl, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8443, ssl: true, proxyNames: [gateway-proxy], httpGateway: {}}
)";

// The objects of a text, the first of each name, with a Gateway if it has none.
std::vector<Change> Read(std::string_view text) {
  std::vector<Change> changes;
  std::set<ResourceKey> seen;
  bool has_gateway = false;
  const auto add = [&](std::string_view part) {
    for (const yaml::Node& document : yaml::Parse(part).documents) {
      for (Change& change : DecodeKubernetes(document, "default").objects) {
        has_gateway |= change.key.kind == Kind::kGateway;
        if (seen.insert(change.key).second) changes.push_back(std::move(change));
      }
    }
  };
  add(text);
  if (!has_gateway) add(kGateway);
  return changes;
}

// A pipeline, and what somebody knows of it who has only seen its updates.
class World {
 public:
  World()
      : pipeline_([] {
          Pipeline::Options options;
          options.now = 1'800'000'000;
          return options;
        }()) {}

  void Apply(std::vector<Change>::const_iterator begin, std::vector<Change>::const_iterator end) {
    for (auto change = begin; change != end; ++change) pipeline_.Stage(*change);
    for (const auto& [role, update] : pipeline_.Commit()) {
      for (const auto& [type, name] : update.removed) told_[role][type].erase(name);
      for (const auto& resource : update.put) told_[role][resource->type][resource->name] = resource;
    }
    CheckTold();
  }
  void Apply(const std::vector<Change>& changes) { Apply(changes.begin(), changes.end()); }

  // Everything that is served and said, as text.
  std::string Show() const {
    std::string out;
    for (const std::string& role : pipeline_.roles()) {
      for (const auto& [type, resources] : pipeline_.ResourcesOf(role)) {
        for (const auto& [name, resource] : resources) {
          out += role + " " + std::string(xds::TypeUrl(type)) + " " + name + " " + resource->version + "\n";
        }
      }
    }
    for (const Problem& problem : pipeline_.problems()) out += problem.ToString() + "\n";
    for (const auto& proxy : pipeline_.AssembleProxies()) out += HexHash(Hash64(SerializeDeterministic(proxy))) + "\n";
    return out;
  }

  bool HasErrors() const { return k8sgw::HasErrors(pipeline_.problems()); }

  // Envoy refuses what it cannot parse, with all that stands in the same resource.
  void CheckResources() const {
    for (const std::string& role : pipeline_.roles()) {
      for (const auto& [type, resources] : pipeline_.ResourcesOf(role)) {
        for (const auto& [name, resource] : resources) CheckResource(*resource);
      }
    }
  }

  void CheckEmpty() const {
    for (const std::string& role : pipeline_.roles()) {
      for (const auto& [type, resources] : pipeline_.ResourcesOf(role)) {
        for (const auto& [name, resource] : resources)
          Require(false, "without objects nothing is served", role + " " + name);
      }
    }
  }

 private:
  template <class T>
  static void CheckParse(const xds::Resource& resource) {
    T message;
    Require(message.ParseFromString(envoy::JoinBytes(resource)), "Envoy can parse every resource", resource.name);
  }

  static void CheckResource(const xds::Resource& resource) {
    Require(resource.size == envoy::JoinBytes(resource).size(), "a resource knows its size", resource.name);
    switch (resource.type) {
      case xds::Type::kCluster: return CheckParse<::envoy::config::cluster::v3::Cluster>(resource);
      case xds::Type::kScope: return CheckParse<::envoy::config::route::v3::ScopedRouteConfiguration>(resource);
      case xds::Type::kListener: return CheckParse<::envoy::config::listener::v3::Listener>(resource);
      case xds::Type::kRoute: return CheckParse<::envoy::config::route::v3::RouteConfiguration>(resource);
      case xds::Type::kSecret: return CheckParse<::envoy::extensions::transport_sockets::tls::v3::Secret>(resource);
      case xds::Type::kEndpoint: return CheckParse<::envoy::config::endpoint::v3::ClusterLoadAssignment>(resource);
    }
  }

  static std::string ShowSnapshot(const Snapshot& snapshot) {
    std::string out;
    for (const auto& [type, resources] : snapshot) {
      for (const auto& [name, resource] : resources)
        out += std::string(xds::TypeUrl(type)) + " " + name + " " + resource->version + "\n";
    }
    return out;
  }

  void CheckTold() const {
    for (const std::string& role : pipeline_.roles()) {
      const auto told = told_.find(role);
      const std::string expected = ShowSnapshot(pipeline_.ResourcesOf(role));
      const std::string actual = told == told_.end() ? "" : ShowSnapshot(told->second);
      Require(actual == expected, "updates tell everything that changes", "told:\n" + actual + "is:\n" + expected);
    }
  }

  Pipeline pipeline_;
  std::map<std::string, Snapshot> told_;
};

void Check(std::string_view text) {
  const std::vector<Change> changes = Read(text);
  World world;
  world.Apply(changes);
  world.CheckResources();
  const std::string shown = world.Show();

  // Another order, derived from the input.
  std::vector<Change> shuffled = changes;
  std::shuffle(shuffled.begin(), shuffled.end(), std::minstd_rand(static_cast<unsigned>(Hash64(text))));
  World other;
  other.Apply(shuffled);
  Require(other.Show() == shown, "the order of objects does not matter", shown + "---\n" + other.Show());

  // One by one. What was refused on the way may have left its last good version.
  World slow;
  bool refused = false;
  for (auto change = shuffled.cbegin(); change != shuffled.cend(); ++change) {
    slow.Apply(change, change + 1);
    refused |= slow.HasErrors();
  }
  slow.CheckResources();
  if (!refused) Require(slow.Show() == shown, "step by step is the same as at once", shown + "---\n" + slow.Show());

  for (Change& change : shuffled) change.SetGone();
  slow.Apply(shuffled);
  slow.CheckEmpty();
}

}  // namespace
}  // namespace k8sgw::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  k8sgw::fuzz::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  return k8sgw::fuzz::MutateText(data, size, capacity, seed);
}
