// For tests: a graph with a Translation, fed with YAML.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/gateway/selection.h"
#include "src/gateway/translation.h"
#include "src/model/decode.h"
#include "src/model/inputs.h"

namespace k8sgw::gateway {

// The objects of a YAML text; default namespace `default`. Problems of decoding fail the test.
inline std::vector<Change> ParseObjects(std::string_view text) {
  std::vector<Change> changes;
  const yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  for (const yaml::Node& document : stream.documents) {
    DecodedDocument decoded = DecodeKubernetes(document, "default");
    for (const PlacedProblem& placed : decoded.problems) ADD_FAILURE() << placed.problem.ToString();
    for (Change& change : decoded.objects) changes.push_back(std::move(change));
  }
  return changes;
}

inline constexpr char kHttpGateway[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
)";

class World {
 public:
  World() : World(SettingsKey{}) {}
  explicit World(const SettingsKey& key) : inputs(graph), translation(graph, inputs, key) {}

  // Stages and commits.
  void Apply(std::string_view yaml) { ApplyAll(ParseObjects(yaml)); }
  void ApplyAll(const std::vector<Change>& changes) {
    for (const Change& change : changes) ASSERT_TRUE(inputs.Stage(change));
    graph.Commit();
  }
  void Delete(Kind kind, const std::string& ns, const std::string& name) {
    inputs.Stage({{kind, ns, name}, std::monostate()});
    graph.Commit();
  }

  // All problems in their order, in words.
  std::vector<std::string> problems() const {
    Problems all;
    const auto add = [&](const Problems& more) { all.insert(all.end(), more.begin(), more.end()); };
    translation.listeners().ForEach([&](const auto&, const auto& value) { add(value->problems); });
    translation.virtual_hosts().ForEach([&](const auto&, const auto& value) { add(value->problems); });
    translation.other_problems().ForEach([&](const auto&, const auto& value) { add(*value); });
    Normalize(all);
    std::vector<std::string> words;
    for (const Problem& problem : all) words.push_back(problem.ToString());
    return words;
  }

  // Every virtual host as `<listener> <virtual host>`.
  std::vector<std::string> hosts() const {
    std::vector<std::string> names;
    translation.virtual_hosts().ForEach([&](const proxy::VirtualHostKey& key, const auto& host) {
      names.push_back(key.listener.gateway.name + " " + host->spec->name());
    });
    return names;
  }
  // The virtual host of the VirtualService in the first listener that takes it, or nullptr.
  Ptr<proxy::VirtualHost> host(const std::string& ns, const std::string& name) const {
    Ptr<proxy::VirtualHost> found;
    translation.virtual_hosts().ForEach([&](const proxy::VirtualHostKey& key, const auto& host) {
      if (!found && key.virtual_service == VirtualServiceRef{ns, name}) found = host;
    });
    return found;
  }
  Ptr<proxy::Listener> listener(const std::string& gateway, const std::string& proxy = "gateway-proxy") const {
    return translation.listeners().Get({{"gloo-system", proxy}, {"gloo-system", gateway}});
  }
  // How often the transforms of a node ran in the last commit.
  uint64_t runs(std::string_view node) const {
    for (const flow::Node* candidate : graph.nodes()) {
      if (candidate->name() == node) return candidate->last_runs();
    }
    ADD_FAILURE() << "there is no node " << node;
    return 0;
  }

  flow::Graph graph;
  Inputs inputs;
  Translation translation;
};

// Whether some problem holds all of the words.
inline bool Says(const std::vector<std::string>& problems, const std::vector<std::string>& words) {
  return std::any_of(problems.begin(), problems.end(), [&](const std::string& problem) {
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return problem.find(word) != std::string::npos; });
  });
}

}  // namespace k8sgw::gateway
