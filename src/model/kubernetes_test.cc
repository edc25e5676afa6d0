#include "src/model/kubernetes.h"

#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/model/decode.h"

namespace k8sgw::core {
namespace {

yaml::Node Tree(std::string_view text) {
  yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return stream.documents.empty() ? yaml::Node() : std::move(stream.documents[0]);
}

DecodedDocument Decode(std::string_view text) { return DecodeKubernetes(Tree(text), "default"); }

template <class Spec>
Ptr<Object<Spec>> Only(std::string_view text) {
  const DecodedDocument decoded = Decode(text);
  EXPECT_EQ(decoded.objects.size(), 1U);
  EXPECT_TRUE(decoded.problems.empty());
  return decoded.objects.empty() ? nullptr : std::get<Ptr<Object<Spec>>>(decoded.objects[0].object);
}

constexpr std::string_view kService = R"({apiVersion: v1, kind: Service,
  metadata: {name: a, namespace: x, labels: {team: blue}, annotations: {note: n}, uid: u, resourceVersion: "7"},
  spec: {type: LoadBalancer, clusterIP: 10.0.0.1, selector: {app: a}, sessionAffinity: None, ports: [
    {name: http, port: 80, targetPort: web, appProtocol: http2, nodePort: 30000}, {port: 53, targetPort: 5353, protocol: UDP}]}})";

TEST(CoreKinds, ServiceIsReadAsFarAsItIsUsed) {
  const auto service = Only<Service>(kService);
  ASSERT_TRUE(service);
  EXPECT_EQ(service->labels.at("team"), "blue");
  EXPECT_EQ(service->annotations.at("note"), "n");
  EXPECT_EQ(service->spec.type, "LoadBalancer");
  EXPECT_EQ(service->spec.cluster_ip, "10.0.0.1");
  EXPECT_EQ(service->spec.selector, (Labels{{"app", "a"}}));
  EXPECT_EQ(service->spec.ports,
            (std::vector<ServicePort>{{"http", 80, "web", "TCP", "http2"}, {"", 53, "5353", "UDP", ""}}));
}

TEST(CoreKinds, SliceIsReadAsFarAsItIsUsed) {
  const auto slice = Only<EndpointSlice>(R"({apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv6,
    metadata: {name: a-1, namespace: x, labels: {kubernetes.io/service-name: a}},
    ports: [{name: http, port: 8080, protocol: TCP}],
    endpoints: [
      {addresses: ["fd00::1", "fd00::2"], zone: z1, nodeName: n, targetRef: {kind: Pod, name: p1}},
      {addresses: ["fd00::3"], conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: VM, name: v}},
      {addresses: ["fd00::4"], conditions: {ready: false}},
      {addresses: []}]})");
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->spec.service, "a");
  EXPECT_EQ(slice->spec.address_type, "IPv6");
  EXPECT_EQ(slice->spec.ports, (std::vector<EndpointPort>{{"http", 8080, "TCP"}}));
  EXPECT_EQ(slice->spec.endpoints,
            (std::vector<Endpoint>{{"fd00::1", true, true, false, "z1", "p1", "n"},
                                   {"fd00::3", false, true, true, "", "", ""},
                                   // What does not say whether it serves, serves while it is ready.
                                   {"fd00::4", false, false, false, "", "", ""}}));
}

TEST(CoreKinds, OnlyLabelsOfPodsAreKept) {
  const auto pod = Only<Pod>(R"({apiVersion: v1, kind: Pod, metadata: {name: p, namespace: x, labels: {v: "1"},
    annotations: {big: text}}, spec: {nodeName: n}, status: {podIP: 10.1.0.1}})");
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->labels, (Labels{{"v", "1"}}));
  EXPECT_TRUE(pod->annotations.empty());
}

TEST(CoreKinds, OnlyThePlaceOfNodesIsKept) {
  const auto node = Only<Node>(R"({apiVersion: v1, kind: Node, metadata: {name: n, annotations: {big: text},
    labels: {topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z, topology.istio.io/subzone: s, other: l}}})");
  ASSERT_TRUE(node);
  EXPECT_TRUE(node->ref.ns.empty());
  EXPECT_EQ(node->spec.region, "r");
  EXPECT_EQ(node->spec.zone, "z");
  EXPECT_EQ(node->spec.sub_zone, "s");
  EXPECT_TRUE(node->labels.empty() && node->annotations.empty());
}

TEST(CoreKinds, HashOfANodeChangesWithItsPlaceAlone) {
  const auto hash = [](const std::string& labels) {
    return Only<Node>(Cat("{apiVersion: v1, kind: Node, metadata: {name: n, labels: {", labels, "}}}"))->hash;
  };
  const std::string zone = "topology.kubernetes.io/zone: z";
  EXPECT_EQ(hash(zone), hash(zone + ", heartbeat: '7'"));
  EXPECT_NE(hash(zone), hash("topology.kubernetes.io/region: z"));
  EXPECT_NE(hash(zone), hash(""));
}

TEST(CoreKinds, WhatIsMissingOrMistypedIsADefault) {
  for (std::string_view spec : {"", ", spec: null", ", spec: 7", ", spec: [1]", ", spec: {ports: 7, selector: [a]}",
                                ", spec: {ports: null, type: {a: b}}"}) {
    const auto service = Only<Service>(Cat("{apiVersion: v1, kind: Service, metadata: {name: a}", spec, "}"));
    ASSERT_TRUE(service) << spec;
    EXPECT_EQ(service->spec.type, "ClusterIP") << spec;
    EXPECT_TRUE(service->spec.ports.empty()) << spec;
    EXPECT_TRUE(service->spec.selector.empty()) << spec;
  }
  for (std::string_view port : {"-1", "0", "65536", "18446744073709551616", "abc", "1.5", "[80]", "null"}) {
    const auto service =
        Only<Service>(Cat("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: ", port, "}]}}"));
    ASSERT_TRUE(service) << port;
    EXPECT_EQ(service->spec.ports.at(0).port, 0U) << port;
  }
  for (std::string_view rest : {"", ", endpoints: 7", ", endpoints: [7, null, {addresses: 7}]", ", ports: [null]"}) {
    const auto slice = Only<EndpointSlice>(
        Cat("{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}", rest, "}"));
    ASSERT_TRUE(slice) << rest;
    EXPECT_TRUE(slice->spec.endpoints.empty()) << rest;
    EXPECT_EQ(slice->spec.service, "") << rest;
  }
}

TEST(CoreKinds, OtherGroupsHaveKindsOfTheSameNames) {
  for (std::string_view api : {"serving.knative.dev/v1", "metrics.k8s.io/v1beta1", "discovery.k8s.io/v1beta1"}) {
    for (std::string_view kind : {"Service", "Pod", "EndpointSlice"}) {
      const DecodedDocument decoded = Decode(Cat("{apiVersion: ", api, ", kind: ", kind, ", metadata: {name: a}}"));
      EXPECT_TRUE(decoded.objects.empty()) << api << kind;
      EXPECT_FALSE(decoded.unidentified) << api << kind;
      ASSERT_EQ(decoded.problems.size(), 1U) << api << kind;
      EXPECT_EQ(decoded.problems[0].problem.severity, Severity::kWarning) << api << kind;
    }
  }
}

TEST(CoreKinds, HashIsThatOfWhatIsRead) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text(kService);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return Only<Service>(text)->hash;
  };
  const uint64_t hash = Only<Service>(kService)->hash;
  // The server's bookkeeping is no news.
  EXPECT_EQ(with("\"7\"", "\"8\""), hash);
  EXPECT_EQ(with("30000", "30001"), hash);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string_view, std::string_view>>{{"blue", "red"},
                                                                  {"note: n", "note: m"},
                                                                  {"LoadBalancer", "ClusterIP"},
                                                                  {"10.0.0.1", "None"},
                                                                  {"app: a", "app: b"},
                                                                  {"name: http", "name: h"},
                                                                  {"80,", "81,"},
                                                                  {"web", "8080"},
                                                                  {"UDP", "TCP"},
                                                                  {"http2", "grpc"}}) {
    EXPECT_NE(with(from, to), hash) << from;
  }
}

TEST(CoreKinds, HashOfASliceChangesWithItsEndpoints) {
  const auto hash = [](std::string_view endpoint, std::string_view service = "a", std::string_view more = "") {
    return Only<EndpointSlice>(
               Cat("{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {name: a-1, "
                   "labels: {kubernetes.io/service-name: ",
                   service, more, "}}, endpoints: [{", endpoint, "}]}"))
        ->hash;
  };
  const uint64_t first = hash("addresses: [10.0.0.1], zone: z, targetRef: {kind: Pod, name: p}");
  EXPECT_NE(hash("addresses: [10.0.0.1], zone: z, nodeName: n, targetRef: {kind: Pod, name: p}"), first);
  EXPECT_EQ(hash("addresses: [10.0.0.1], hostname: h, zone: z, targetRef: {kind: Pod, name: p}", "a", ", other: label"),
            first);
  EXPECT_NE(hash("addresses: [10.0.0.2], zone: z, targetRef: {kind: Pod, name: p}"), first);
  EXPECT_NE(hash("addresses: [10.0.0.1], zone: y, targetRef: {kind: Pod, name: p}"), first);
  EXPECT_NE(hash("addresses: [10.0.0.1], zone: z, targetRef: {kind: Pod, name: q}"), first);
  EXPECT_NE(hash("addresses: [10.0.0.1], zone: z, targetRef: {kind: Pod, name: p}, conditions: {ready: false}"), first);
  EXPECT_NE(hash("addresses: [10.0.0.1], zone: z, targetRef: {kind: Pod, name: p}", "b"), first);
}

}  // namespace
}  // namespace k8sgw::core
