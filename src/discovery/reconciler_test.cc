#include "src/discovery/reconciler.h"

#include <gtest/gtest.h>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/discovery/test_json.h"
#include "src/model/decode.h"

namespace k8sgw::discovery {
namespace {

using testing::Merge;
using yaml::Padded;

Ptr<Object<core::Service>> Service(std::string_view ports = "[{name: http, port: 80}]", std::string_view metadata = "",
                                   std::string_view selector = "{app: a}") {
  const yaml::Stream stream = yaml::Parse(Cat("{apiVersion: v1, kind: Service, metadata: {name: a, namespace: x",
                                              metadata, "}, spec: {selector: ", selector, ", ports: ", ports, "}}"));
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return std::get<Ptr<Object<core::Service>>>(DecodeKubernetes(stream.documents.at(0), "").objects.at(0).object);
}

// An API server that takes every write.
struct ReconcilerTest : ::testing::Test {
  void Store(const std::string& name, const std::string& yaml) {
    const yaml::Stream stream = yaml::Parse(yaml);
    ASSERT_TRUE(stream.ok) << stream.error.message << yaml;
    Tell(name, stream.documents.at(0));
  }

  void Tell(const std::string& name, const yaml::Node& object) {
    server[name] = object;
    reconciler.SetStored(Padded(yaml::EmitJson(object, 0)).view());
  }

  // Does what there is to do; says what it was.
  std::string Settle() {
    std::string all;
    for (int round = 0; round < 3; ++round) {
      for (const std::string& name : reconciler.TakeDirty()) {
        const auto write = reconciler.Decide(name);
        if (!write) continue;
        all += Cat(all.empty() ? "" : "\n", Show(*write));
        if (write->kind == Write::Kind::kDelete) {
          server.erase(name);
          reconciler.RemoveStored({reconciler.options().write_namespace, name});
          continue;
        }
        yaml::Node body = yaml::Parse(write->body).documents.at(0);
        if (write->kind == Write::Kind::kPatch) {
          yaml::Node object = server.at(name);
          Merge(object, body);
          body = object;
        }
        Tell(name, body);
      }
    }
    return all;
  }

  static std::string Show(const Write& write) {
    static constexpr std::string_view kKinds[] = {"create", "patch", "delete"};
    std::string body = write.body;
    std::erase(body, ' ');
    return Cat(kKinds[static_cast<size_t>(write.kind)], " ", write.upstream.name.str(), " ", body, write.uid);
  }

  Reconciler reconciler{Options{}};
  std::map<std::string, yaml::Node> server;
};

constexpr char kCreated[] =
    R"(create x-a-80 {"apiVersion":"gloo.solo.io/v1","kind":"Upstream","metadata":{"name":"x-a-80",)"
    R"("namespace":"gloo-system","labels":{"discovered_by":"kubernetesplugin"}},"spec":{"discoveryMetadata":{},)"
    R"("kube":{"serviceName":"a","serviceNamespace":"x","servicePort":80,"selector":{"app":"a"}}}})";

TEST_F(ReconcilerTest, NothingIsWrittenBeforeAllIsKnown) {
  reconciler.SetService({"x", "a"}, Service());
  Store("x-b-80",
        R"({metadata: {name: x-b-80, namespace: gloo-system, uid: u, labels: {discovered_by: kubernetesplugin}}})");
  EXPECT_EQ(Settle(), "");
  EXPECT_FALSE(reconciler.Decide("x-b-80"));
  reconciler.Complete();
  EXPECT_EQ(Settle(), Cat(kCreated, "\ndelete x-b-80 u"));
  EXPECT_EQ(Settle(), "");
}

TEST_F(ReconcilerTest, APortIsAnUpstream) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"},
                        Service("[{name: a, port: 80}, {name: b, port: 81}, {name: c, port: 80, protocol: UDP}]"));
  Settle();
  EXPECT_EQ(server.size(), 2U);
  EXPECT_TRUE(server.contains("x-a-80") && server.contains("x-a-81"));
  reconciler.SetService({"x", "a"}, Service("[{name: b, port: 81}]"));
  EXPECT_EQ(Settle(), "delete x-a-80 ");
  reconciler.SetService({"x", "a"}, nullptr);
  EXPECT_EQ(Settle(), "delete x-a-81 ");
}

TEST_F(ReconcilerTest, LabelsAndAnnotationsOfTheServiceComeAlong) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service("[{port: 80}]",
                                            ", labels: {l: v}, annotations: {n: t, "
                                            "kubectl.kubernetes.io/last-applied-configuration: big}"));
  Settle();
  const yaml::Node& object = server.at("x-a-80");
  std::string text = yaml::EmitJson(object, 0);
  EXPECT_EQ(text.find("last-applied"), std::string::npos);
  EXPECT_EQ(object.Find("metadata")->Find("annotations")->FindScalar("n"), "t");
  EXPECT_EQ(object.Find("metadata")->Find("labels")->entries.size(), 1U);
  EXPECT_EQ(object.Find("spec")->Find("discoveryMetadata")->Find("labels")->FindScalar("l"), "v");
}

TEST_F(ReconcilerTest, WhatPeopleChangedStays) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  Store("x-a-80",
        R"({apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: x-a-80, namespace: gloo-system, uid: u,
    resourceVersion: "7", labels: {discovered_by: kubernetesplugin, mine: yes}, annotations: {mine: yes}},
    spec: {useHttp2: true, connectionConfig: {connectTimeout: 3s}, circuitBreakers: {maxConnections: 5}, unknownField: 7,
    discoveryMetadata: {labels: {old: label}},
    kube: {serviceName: a, serviceNamespace: x, servicePort: 80, selector: {app: old, gone: yes},
           subsetSpec: {selectors: [{keys: [v]}]}}}, status: {statuses: {}}})");
  EXPECT_EQ(Settle(),
            R"(patch x-a-80 {"spec":{"discoveryMetadata":{"labels":null},"kube":{"selector":{"app":"a","gone":null}}},)"
            R"("metadata":{"uid":"u","resourceVersion":"7"}})");
  const yaml::Node& object = server.at("x-a-80");
  EXPECT_NE(object.Find("spec")->Find("unknownField"), nullptr);
  EXPECT_NE(object.Find("spec")->Find("kube")->Find("subsetSpec"), nullptr);
  EXPECT_EQ(object.Find("metadata")->Find("labels")->FindScalar("mine"), "yes");
  EXPECT_NE(object.Find("status"), nullptr);
}

TEST_F(ReconcilerTest, AnAnnotationGoesOverWhatPeopleChanged) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  Settle();
  yaml::Node edited = server.at("x-a-80");
  yaml::Node spec = yaml::Parse("{connectionConfig: {connectTimeout: 3s}, maxConcurrentStreams: 5}").documents.at(0);
  Merge(*const_cast<yaml::Node*>(edited.Find("spec")), spec);
  Tell("x-a-80", edited);
  EXPECT_EQ(Settle(), "");
  reconciler.SetService(
      {"x", "a"},
      Service("[{port: 80}]", R"(, annotations: {gloo.solo.io/upstream_config: '{"maxConcurrentStreams": 9}'})"));
  Settle();
  const yaml::Node& now = *server.at("x-a-80").Find("spec");
  EXPECT_EQ(now.FindScalar("maxConcurrentStreams"), "9");
  EXPECT_NE(now.Find("connectionConfig"), nullptr);
}

TEST_F(ReconcilerTest, AnUpstreamOfAnotherTypeBecomesTheServiceAgain) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  Store("x-a-80", R"({metadata: {name: x-a-80, namespace: gloo-system, uid: u, resourceVersion: "1",
    labels: {discovered_by: kubernetesplugin}}, spec: {static: {hosts: [{addr: 1.2.3.4, port: 1}]}}})");
  EXPECT_NE(Settle().find(R"("static":null)"), std::string::npos);
  EXPECT_EQ(Settle(), "");
}

TEST_F(ReconcilerTest, WhatWasNotDiscoveredIsNeverTouched) {
  reconciler.Complete();
  Store("x-a-80", "{metadata: {name: x-a-80, namespace: gloo-system, labels: {discovered_by: somebody}}, spec: {}}");
  Store("other", "{metadata: {name: other, namespace: gloo-system}, spec: {}}");
  // Ours in another namespace are another installation's.
  Store("far", "{metadata: {name: far, namespace: elsewhere, labels: {discovered_by: kubernetesplugin}}, spec: {}}");
  reconciler.SetService({"x", "a"}, Service());
  EXPECT_EQ(Settle(), "");
  ASSERT_EQ(reconciler.problems().size(), 1U);
  EXPECT_EQ(reconciler.problems()[0].ToString(),
            "warning: Service x/a: there is an Upstream x-a-80 that was not discovered, so none is made: rename that "
            "Upstream, or use it");
  reconciler.RemoveStored({"gloo-system", "x-a-80"});
  EXPECT_EQ(Settle(), kCreated);
}

TEST_F(ReconcilerTest, WatchLabelsChooseAndAnAnnotationForces) {
  Options options;
  options.watch_labels = {{"team", "blue"}};
  reconciler.SetOptions(options);
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  EXPECT_EQ(Settle(), "");
  reconciler.SetService({"x", "a"}, Service("[{port: 80}]", ", annotations: {gloo.solo.io/discover: 'true'}"));
  EXPECT_EQ(Settle().substr(0, 13), "create x-a-80");
  reconciler.SetService({"x", "a"}, Service());
  EXPECT_EQ(Settle(), "delete x-a-80 ");
  reconciler.SetService({"x", "a"}, Service("[{port: 80}]", ", labels: {team: blue, other: x}"));
  EXPECT_EQ(Settle().substr(0, 13), "create x-a-80");
}

TEST_F(ReconcilerTest, SwitchedOffItLeavesWhatThereIs) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  Settle();
  Options off;
  off.enabled = false;
  reconciler.SetOptions(off);
  reconciler.SetService({"x", "a"}, nullptr);
  EXPECT_EQ(Settle(), "");
  reconciler.SetOptions({});
  EXPECT_EQ(Settle(), "delete x-a-80 ");
}

TEST_F(ReconcilerTest, AnotherNamespaceBeginsAnewAndTheOldOneIsLeft) {
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  reconciler.SetService({"x", "b"}, Service());
  Settle();
  // What stands there was told before anybody wanted to know.
  Store("x-b-80", R"({metadata: {name: x-b-80, namespace: other, labels: {discovered_by: kubernetesplugin}},
    spec: {kube: {serviceName: b, serviceNamespace: x, servicePort: 80, selector: {app: a}}, discoveryMetadata: {}}})");
  Store("x-c-80", "{metadata: {name: x-c-80, namespace: other, labels: {discovered_by: kubernetesplugin}}}");
  EXPECT_EQ(Settle(), "");
  Options moved;
  moved.write_namespace = "other";
  reconciler.SetOptions(moved);
  const std::string done = Settle();
  EXPECT_EQ(done.find("create x-a-80"), 0U);
  EXPECT_NE(done.find(R"("namespace":"other")"), std::string::npos);
  EXPECT_NE(done.find("delete x-c-80"), std::string::npos);
  EXPECT_EQ(done.find("x-b-80"), std::string::npos);
  reconciler.SetOptions({});
  EXPECT_EQ(Settle(), "") << "they are still there";
}

// The right to list Services is taken away, and the pod starts again: there are no Services as far as it can see.
TEST_F(ReconcilerTest, WhatCannotBeHeardDeletesNothing) {
  const auto store = [this](const std::string& ns) {
    Store(ns + "-a-80", Cat("{metadata: {name: ", ns, "-a-80, namespace: gloo-system, labels: {discovered_by: ",
                            "kubernetesplugin}}, spec: {kube: {serviceName: a, serviceNamespace: ", ns, "}}}"));
  };
  store("x");
  store("y");
  reconciler.SetHeard("services", "", false);
  reconciler.Complete();
  EXPECT_EQ(Settle(), "");
  reconciler.SetHeard("services", "", true);
  reconciler.SetHeard("services", "x", false);
  EXPECT_EQ(Settle(), "delete y-a-80 ");
  reconciler.SetHeard("services", "x", true);
  EXPECT_EQ(Settle(), "delete x-a-80 ");
}

TEST_F(ReconcilerTest, WithoutUpstreamsNothingIsWritten) {
  reconciler.SetHeard("upstreams", "gloo-system", false);
  reconciler.SetHeard("upstreams", "far", false);
  reconciler.SetHeard("pods", "", false);
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  EXPECT_EQ(Settle(), "");
  reconciler.SetHeard("upstreams", "gloo-system", true);
  EXPECT_EQ(Settle(), kCreated);
}

// Settings name a namespace instead of all, which could not be listed.
TEST_F(ReconcilerTest, AWatchThatEndedIsInNobodysWay) {
  reconciler.SetHeard("upstreams", "", false);
  reconciler.Complete();
  reconciler.SetService({"x", "a"}, Service());
  reconciler.SetHeard("upstreams", "gloo-system", true);
  EXPECT_EQ(Settle(), "");
  reconciler.SetHeard("upstreams", "", true);
  EXPECT_EQ(Settle(), kCreated);
}

TEST_F(ReconcilerTest, UnknownLabelsOfNamespacesDeleteNothingWhereTheyMatter) {
  Options options;
  options.labels_choose_namespaces = true;
  reconciler.SetOptions(options);
  reconciler.SetHeard("namespaces", "", false);
  reconciler.Complete();
  Store("x-b-80", "{metadata: {name: x-b-80, namespace: gloo-system, labels: {discovered_by: kubernetesplugin}}}");
  EXPECT_EQ(Settle(), "");
  reconciler.SetOptions({});
  EXPECT_EQ(Settle(), "delete x-b-80 ");
}

TEST_F(ReconcilerTest, NobodyTakesOverFromAServiceThatIsPerhapsThere) {
  reconciler.Complete();
  reconciler.SetHeard("services", "x-y", false);
  Store("x-y-a-80", R"({metadata: {name: x-y-a-80, namespace: gloo-system, labels: {discovered_by: kubernetesplugin}},
    spec: {kube: {serviceName: a, serviceNamespace: x-y, servicePort: 80}}})");
  reconciler.SetService({"x", "y-a"}, Service());
  EXPECT_EQ(Settle(), "");
  reconciler.SetHeard("services", "x-y", true);
  EXPECT_EQ(Settle().find("patch x-y-a-80"), 0U);
}

TEST_F(ReconcilerTest, MistakesInAnnotationsAreProblemsOfTheService) {
  reconciler.SetService({"x", "a"},
                        Service("[{port: 80}, {port: 81}]", ", annotations: {gloo.solo.io/upstream_config: '['}"));
  ASSERT_EQ(reconciler.problems().size(), 1U) << "once, not for each port";
  EXPECT_EQ(reconciler.problems()[0].ToString().find(
                "warning: Service x/a: metadata.annotations: gloo.solo.io/upstream_config: no JSON object"),
            0U)
      << reconciler.problems()[0].ToString();
  reconciler.SetService({"x", "a"}, Service());
  EXPECT_TRUE(reconciler.problems().empty());
}

// x-y/a and x/y-a have the same name for port 80.
TEST_F(ReconcilerTest, OfTwoServicesWithOneNameTheOneThatHasItKeepsIt) {
  const auto service_of = [&] {
    return std::string(server.at("x-y-a-80").Find("spec")->Find("kube")->FindScalar("serviceNamespace"));
  };
  reconciler.Complete();
  reconciler.SetService({"x-y", "a"}, Service());
  Settle();
  EXPECT_EQ(service_of(), "x-y");
  reconciler.SetService({"x", "y-a"}, Service());
  EXPECT_EQ(Settle(), "");
  EXPECT_EQ(service_of(), "x-y") << "nobody takes over what another one has";
  ASSERT_EQ(reconciler.problems().size(), 1U);
  EXPECT_EQ(reconciler.problems()[0].object, (ResourceKey{Kind::kService, "x", "y-a"}));
  reconciler.SetService({"x-y", "a"}, nullptr);
  Settle();
  EXPECT_EQ(service_of(), "x");
  EXPECT_TRUE(reconciler.problems().empty());
}

TEST_F(ReconcilerTest, NonsenseOfTheServerDoesNotHurt) {
  reconciler.Complete();
  for (std::string_view text : {"", "7", "[]", "{", "{}", R"({"metadata":7})", R"({"metadata":{"name":"a"}})",
                                R"({"metadata":{"name":"a","namespace":"gloo-system","labels":[1]},"spec":[2]})"}) {
    reconciler.SetStored(Padded(std::string(text)).view());
  }
  EXPECT_EQ(Settle(), "");
}

TEST(ReadOptions, FromSettings) {
  gloov1::Settings settings;
  EXPECT_EQ(ReadOptions(settings, "own"), (Options{true, "own", {}, {}, false}));
  const yaml::Stream stream = yaml::Parse(
      "{discoveryNamespace: ns, discovery: {udsOptions: {enabled: false, watchLabels: {a: b}}}, "
      "upstreamOptions: {globalAnnotations: {c: d}}, watchNamespaceSelectors: [{}]}");
  EXPECT_TRUE(DecodeProto(stream.documents.at(0), &settings).empty());
  EXPECT_EQ(ReadOptions(settings, "own"), (Options{false, "ns", {{"a", "b"}}, {{"c", "d"}}, true}));
  settings.add_watch_namespaces("x");
  EXPECT_FALSE(ReadOptions(settings, "own").labels_choose_namespaces);
}

}  // namespace
}  // namespace k8sgw::discovery
