#include "src/model/decode.h"

#include <gtest/gtest.h>

#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"

namespace k8sgw {
namespace {

// Objects, then keys of broken ones, then problems with their lines.
std::string Show(const DecodedDocument& decoded) {
  std::string out;
  const auto add = [&](const std::string& line) { out += Cat(out.empty() ? "" : "\n", line); };
  for (const Change& change : decoded.objects) add(change.key.ToString());
  for (const ResourceKey& key : decoded.keys) {
    const auto same = [&](const Change& change) { return change.key == key; };
    if (std::none_of(decoded.objects.begin(), decoded.objects.end(), same)) add(Cat("broken ", key.ToString()));
  }
  if (decoded.unidentified) add("unidentified");
  for (const PlacedProblem& placed : decoded.problems) {
    const Problem& p = placed.problem;
    add(Cat(placed.mark.line, ": ", p.severity == Severity::kError ? "error" : "warning", ": ", p.path, ": ", p.message,
            p.fix.empty() ? "" : "; ", p.fix));
  }
  return out;
}

DecodedDocument Decode(std::string_view text) {
  const yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return DecodeKubernetes(stream.documents.empty() ? yaml::Node() : stream.documents[0], "default");
}

struct Case {
  std::string_view text;
  std::string_view expected;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

class Kubernetes : public testing::TestWithParam<Case> {};
TEST_P(Kubernetes, Decodes) { EXPECT_EQ(Show(Decode(GetParam().text)), GetParam().expected); }

constexpr Case kHeads[] = {
    {"{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: a, namespace: x}, spec: {}}",
     "VirtualService x/a"},
    {"{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: a}, spec: {}}",
     "VirtualService default/a"},
    {"{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: a, namespace: ''}, spec: null}",
     "VirtualService default/a"},
    {"{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: a}, status: {state: 1}}",
     "VirtualService default/a\n1: warning: spec: the object has no spec; add spec:"},
    {"[a]", "unidentified\n1: error: : the document is no object; begin it with apiVersion: and kind:"},
    {"gatew", "unidentified\n1: error: : the document is no object; begin it with apiVersion: and kind:"},
    {"{kind: VirtualService}",
     "unidentified\n1: error: : the document has no apiVersion; begin it with apiVersion: gateway.solo.io/v1 and kind: "
     "VirtualService, for example"},
    {"{apiVersion: gateway.solo.io/v1, kind: [VirtualService]}",
     "unidentified\n1: error: : the document has no kind; begin it with apiVersion: gateway.solo.io/v1 and kind: "
     "VirtualService, for example"},
    {"{apiVersion: gateway.solo.io/v1, kind: VirtualServce, metadata: {name: a}}",
     "unidentified\n1: error: kind: kind \"VirtualServce\" is not known; did you mean \"VirtualService\"?"},
    {"{apiVersion: gateway.solo.io/v2, kind: VirtualService, metadata: {name: a}, spec: {}}",
     "broken VirtualService default/a\n1: error: apiVersion: \"gateway.solo.io/v2\" is not the version of "
     "VirtualService; write gateway.solo.io/v1"},
    {"{apiVersion: gloo.solo.io/v1, kind: VirtualService, metadata: {name: a}, spec: {}}",
     "broken VirtualService default/a\n1: error: apiVersion: \"gloo.solo.io/v1\" is not the version of VirtualService; "
     "write gateway.solo.io/v1"},
    {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {}}", "Service default/a"},
    {"{apiVersion: v1, kind: PersistentVolume, metadata: {name: a}, spec: {}}",
     "1: warning: kind: PersistentVolume (v1) is not used by k8sgateway from files, so it is left out; nothing needs "
     "to be done"},
    {"{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: a}, spec: {}}",
     "1: warning: kind: Gateway (gateway.networking.k8s.io/v1) is not used by k8sgateway from files, so it is left "
     "out; nothing needs to be done"},
};
INSTANTIATE_TEST_SUITE_P(Heads, Kubernetes, testing::ValuesIn(kHeads));

constexpr std::string_view kName =
    "use lower-case letters, digits, \"-\" and \".\", and begin and end with a letter or digit";
constexpr Case kMetadata[] = {
    {"{apiVersion: gloo.solo.io/v1, kind: Upstream, spec: {}}",
     "unidentified\n1: error: metadata.name: the object has no name; add metadata: {name: …}"},
    {"{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: null, spec: {}}",
     "unidentified\n1: error: metadata.name: the object has no name; add metadata: {name: …}"},
    {"apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata:\n  nam: a\nspec: {}",
     "unidentified\n4: error: metadata.name: the object has no name; add metadata: {name: …}"},
    {"apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a,\n  lables: {x: y}, uid: u, resourceVersion: "
     "'5'}\nspec: {}",
     "Upstream default/a\n4: warning: metadata.lables: unknown field of metadata; did you mean \"labels\"?"},
    {"{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a, labels: [x], annotations: {k: [v]}}, spec: {}}",
     "broken Upstream default/a\n1: error: metadata.labels: expected a mapping of names to text; write lines of name: "
     "text below it\n"
     "1: error: metadata.annotations[\"k\"]: expected text; put it in quotes"},
    {"{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a}, spce: {}}",
     "broken Upstream default/a\n1: error: spce: unknown field \"spce\"; did you mean \"spec\"?\n1: warning: spec: the "
     "object has no spec; add spec:"},
    {"{apiVersion: gloo.solo.io/v1, kind: Secret, metadata: {name: a}, header: {}}",
     "broken Secret default/a\n1: error: header: unknown field \"header\"; the fields of the object stand below spec\n"
     "1: warning: spec: the object has no spec; add spec:"},
    {"apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  virtualHost:\n    domans: "
     "[x]\n    routes:\n    - 1\n",
     "broken VirtualService default/a\n6: error: virtualHost.domans: unknown field \"domans\"; did you mean "
     "\"domains\"?\n"
     "8: error: virtualHost.routes[0]: expected a mapping, got a plain value; write its fields below it, indented"},
};
INSTANTIATE_TEST_SUITE_P(Metadata, Kubernetes, testing::ValuesIn(kMetadata));

TEST(Kubernetes, NamesAreThoseOfKubernetes) {
  const auto with_name = [](const std::string& name) {
    return Show(Decode("{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: '" + name + "'}, spec: {}}"));
  };
  for (const std::string& name : std::vector<std::string>{"a", "0", "a.b-c.9", std::string(253, 'a')}) {
    EXPECT_EQ(with_name(name), Cat("Upstream default/", name));
  }
  for (const std::string& name : std::vector<std::string>{"A", "a/b", "../etc", "-a", "a-", ".", "a_b", "a b", "é",
                                                          "a~b", std::string(254, 'a')}) {
    EXPECT_EQ(with_name(name), Cat("broken Upstream default/", name, "\n1: error: metadata.name: \"", name,
                                   "\" is no name of an object; ", kName));
  }
}

constexpr Case kLists[] = {
    {"apiVersion: v1\nkind: List\nitems:\n"
     "- {apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a}, spec: {}}\n"
     "- {apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: b}, spec: {wrong: 1}}\n"
     "- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n",
     "Upstream default/a\nSecret default/c\nbroken Upstream default/b\n5: error: wrong: unknown field \"wrong\"; "
     "remove it"},
    {"{apiVersion: gloo.solo.io/v1, kind: UpstreamList, items: [{apiVersion: gloo.solo.io/v1, kind: Upstream, "
     "metadata: {name: a}, spec: {}}]}",
     "Upstream default/a"},
    {"{apiVersion: v1, kind: List}", ""},
    {"{apiVersion: v1, kind: List, items: []}", ""},
    {"{apiVersion: v1, kind: List, items: {a: b}}",
     "unidentified\n1: error: items: expected a list; put \"- \" before each object"},
    {"{apiVersion: v1, kind: List, items: [null, a]}",
     "unidentified\n1: error: : the document is no object; begin it with apiVersion: and kind:\n"
     "1: error: : the document is no object; begin it with apiVersion: and kind:"},
};
INSTANTIATE_TEST_SUITE_P(Lists, Kubernetes, testing::ValuesIn(kLists));

TEST(Kubernetes, MetadataIsKept) {
  const DecodedDocument decoded = Decode(R"(
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata:
  name: a
  labels: {x: y, n: "1", e: }
  annotations: {k: v}
  creationTimestamp: "2026-01-31T12:00:00Z"
  generation: 7
spec: {metadata: {name: other}, virtualHost: {domains: [d]}})");
  ASSERT_EQ(decoded.objects.size(), 1u);
  const auto object = decoded.objects[0].As<gatewayv1::VirtualService>();
  EXPECT_EQ(object->labels, (Labels{{"x", "y"}, {"n", "1"}, {"e", ""}}));
  EXPECT_EQ(object->annotations, (Labels{{"k", "v"}}));
  EXPECT_EQ(object->created, "2026-01-31T12:00:00Z");
  EXPECT_EQ(object->generation, 7);
  // Metadata in the spec is the old form of what stands outside; it must not be part of the content.
  EXPECT_FALSE(object->spec.has_metadata());
  EXPECT_EQ(object->spec.virtual_host().domains(0), "d");
}

TEST(Kubernetes, NonsenseOfTheServerDoesNotHurt) {
  const DecodedDocument decoded = Decode(
      "{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a, generation: 99999999999999999999999, "
      "creationTimestamp: [x]}, spec: {}}");
  ASSERT_EQ(decoded.objects.size(), 1u);
  EXPECT_EQ(decoded.objects[0].As<gloov1::Upstream>()->generation, 0);
}

// Equality decides what is translated again: all that is read counts, how it was written or how often does not.
TEST(Kubernetes, HashIsThatOfTheContent) {
  const auto hash = [](const std::string& metadata, const std::string& spec) {
    const DecodedDocument decoded =
        Decode(Cat("{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: a, ", metadata,
                   "}, spec: {", spec, "}}"));
    return decoded.objects.at(0).As<gatewayv1::VirtualService>()->hash;
  };
  const uint64_t base = hash("labels: {a: b, c: d}", "displayName: x, virtualHost: {domains: [d]}");
  EXPECT_EQ(hash("labels: {c: d, a: b}, uid: u", "virtual_host: {domains: ['d']}, displayName: \"x\""), base);
  EXPECT_NE(hash("labels: {a: b, c: e}", "displayName: x, virtualHost: {domains: [d]}"), base);
  EXPECT_NE(hash("labels: {a: b}, annotations: {c: d}", "displayName: x, virtualHost: {domains: [d]}"), base);
  EXPECT_EQ(hash("labels: {a: b, c: d}, generation: 1", "displayName: x, virtualHost: {domains: [d]}"), base);
  EXPECT_NE(hash("labels: {a: b, c: d}, creationTimestamp: x", "displayName: x, virtualHost: {domains: [d]}"), base);
  EXPECT_NE(hash("labels: {a: b, c: d}", "displayName: y, virtualHost: {domains: [d]}"), base);
}

TEST(Kubernetes, EveryKindIsKnown) {
  for (const KindInfo& info : AllKinds()) {
    const DecodedDocument decoded = Decode(Cat("{apiVersion: ", info.api_version, ", kind: ", KindName(info.kind),
                                               ", metadata: {name: a, namespace: b}, spec: {}}"));
    ASSERT_EQ(decoded.objects.size(), 1u) << KindName(info.kind);
    EXPECT_EQ(decoded.objects[0].key, (ResourceKey{info.kind, "b", "a"}));
    EXPECT_FALSE(decoded.objects[0].gone());
  }
}

std::string Flat(std::string_view plural, std::string_view ns, std::string_view name, std::string_view text) {
  const yaml::Stream stream = yaml::Parse(text);
  return Show(DecodeFlat(*FindPlural(plural), ns, name, stream.documents.empty() ? yaml::Node() : stream.documents[0]));
}

TEST(FlatFiles, NamesComeFromThePath) {
  EXPECT_EQ(Flat("virtualservices", "x", "a", "{virtualHost: {domains: [d]}, metadata: {name: a, namespace: x}}"),
            "VirtualService x/a");
  EXPECT_EQ(Flat("upstreams", "x", "a",
                 "{static: {hosts: []}, namespacedStatuses: {statuses: {}}, status: {}, statuses: {}}"),
            "Upstream x/a");
  EXPECT_EQ(Flat("secrets", "x", "a", "{tls: {certChain: c}}"), "Secret x/a");
  EXPECT_EQ(Flat("artifacts", "x", "a", "{data: {f: c}}"), "Artifact x/a");
  EXPECT_EQ(Flat("upstreams", "x", "a", "metadata:\n  name: b\n  namespace: y\n"),
            "broken Upstream x/a\n"
            "2: error: metadata.name: says \"b\", but the path of the file says \"a\"; make both equal\n"
            "3: error: metadata.namespace: says \"y\", but the path of the file says \"x\"; make both equal");
  EXPECT_EQ(Flat("upstreams", "x", "A", "{}"),
            Cat("broken Upstream x/A\n1: error: metadata.name: \"A\" is no name of an object; ", kName));
  EXPECT_EQ(
      Flat("upstreams", "x", "a", "[]"),
      "broken Upstream x/a\n1: error: : the document is no object; write the object's fields and metadata at the top");
  EXPECT_EQ(Flat("upstreams", "x", "a", "{spec: {}}"),
            "broken Upstream x/a\n1: error: spec: unknown field \"spec\"; remove it");
}

}  // namespace
}  // namespace k8sgw
