// What runs again when something changes, and that it does not matter how a state was reached.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "src/base/proto_codec.h"
#include "src/gateway/test_world.h"

namespace k8sgw::gateway {
namespace {

std::string Service(int i, const std::string& body) {
  return "\n---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: vs" + std::to_string(i) +
         "}\nspec: {virtualHost: {domains: ['" + std::to_string(i) + ".com'], routes: [{matchers: [{prefix: /}], " +
         body + "}]}}\n";
}
std::string Reply(const std::string& text) { return "directResponseAction: {status: 200, body: '" + text + "'}"; }
std::string To(int table) {
  return "delegateAction: {ref: {name: t" + std::to_string(table) + ", namespace: default}}";
}
std::string Table(int i, const std::string& text, const std::string& labels = "") {
  return "\n---\napiVersion: gateway.solo.io/v1\nkind: RouteTable\nmetadata: {name: t" + std::to_string(i) +
         ", labels: {" + labels + "}}\nspec: {routes: [{matchers: [{prefix: /}], " + Reply(text) + "}]}\n";
}

class Reruns : public ::testing::Test {
 protected:
  Reruns() {
    std::string all = kHttpGateway;
    for (int i = 0; i < 1000; ++i) all += Service(i, i < 10 ? To(0) : Reply("x"));
    world.Apply(all + Table(0, "x") + Table(1, "x", "app: other"));
  }

  World world;
};

TEST_F(Reruns, OneEditedVirtualServiceRunsItsOwnTransforms) {
  world.Apply(Service(500, Reply("y")));
  EXPECT_EQ(world.runs("bindings"), 1u);
  EXPECT_EQ(world.runs("virtual-service-problems"), 1u);
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 1u);
  EXPECT_EQ(world.runs("translated-gateways"), 0u);
  EXPECT_EQ(world.graph.last_runs(), 4u);  // and existing-virtual-services
}

TEST_F(Reruns, TheSameContentAgainRunsNothing) {
  world.Apply(Service(500, Reply("x")));
  EXPECT_EQ(world.graph.last_runs(), 0u);
}

TEST_F(Reruns, OneEditedRouteTableRunsItsIncluders) {
  world.Apply(Table(0, "y"));
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 10u);
  EXPECT_EQ(world.runs("bindings"), 0u);
  world.Apply(Table(1, "y", "app: other"));
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 0u);
}

TEST_F(Reruns, ASelectorFollowsLabelsAndOnlyThoseItAsksFor) {
  world.Apply(Service(7, "delegateAction: {selector: {labels: {app: mine}}}"));
  EXPECT_EQ(world.host("default", "vs7")->spec->routes_size(), 0);
  world.Apply(Table(2, "z", "app: other"));
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 0u);
  world.Apply(Table(1, "x", "app: mine"));
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 1u);
  EXPECT_EQ(world.host("default", "vs7")->spec->routes_size(), 1);
  world.Apply(Table(1, "new", "app: mine"));
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 1u);
  world.Delete(Kind::kRouteTable, "default", "t1");
  EXPECT_EQ(world.host("default", "vs7")->spec->routes_size(), 0);
}

TEST_F(Reruns, AGatewaysOptionsAreNoConcernOfVirtualServices) {
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {options: {healthCheck: {path: /ok}}}})");
  EXPECT_EQ(world.runs("translated-gateways"), 1u);
  EXPECT_EQ(world.runs("bindings"), 0u);
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 0u);
}

TEST_F(Reruns, SettingsThatAreOthersConcernRunNothingHere) {
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {refreshRate: 1s})");
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {refreshRate: 2s})");
  EXPECT_EQ(world.graph.last_runs(), 3u);  // gateway-settings, listener-defaults, settings-problems
}

TEST_F(Reruns, AnEditThatConflictsRunsBothSides) {
  world.Apply(
      "\n---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: vs999}\n"
      "spec: {virtualHost: {domains: ['500.com']}}\n");
  EXPECT_EQ(world.runs("gateway-virtual-hosts"), 2u);
}

// --- A small universe of objects that touch each other in every way, changed at random.

using Random = std::mt19937;
int Pick(Random& random, int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
template <class T>
const T& OneOf(Random& random, const std::vector<T>& items) {
  return items[random() % items.size()];
}

std::string RandomRoutes(Random& random) {
  static const std::vector<std::string> kMatchers = {"",
                                                     "matchers: [{prefix: /a}], ",
                                                     "matchers: [{prefix: /a/b}], ",
                                                     "matchers: [{exact: /a/b}, {prefix: /a}], ",
                                                     "matchers: [{regex: '/a('}], ",
                                                     "matchers: [{headers: [{name: h}], prefix: /a}], ",
                                                     "matchers: [{headers: [{name: h}]}], ",
                                                     "matchers: [{prefix: /, caseSensitive: false}], "};
  static const std::vector<std::string> kFlags = {"", "", "inheritableMatchers: true, ",
                                                  "inheritablePathMatchers: true, ", "name: n, "};
  static const std::vector<std::string> kOptions = {
      "",
      "",
      "options: {timeout: 1s}, ",
      "optionsConfigRefs: {delegateOptions: [{name: o0, namespace: one}]}, ",
      "options: {stagedTransformations: {inheritTransformation: true}}, ",
      "options: {prefixRewrite: /x}, optionsConfigRefs: {delegateOptions: [{name: o1, namespace: one}, {name: o0, "
      "namespace: one}]}, "};
  static const std::vector<std::string> kActions = {
      "directResponseAction: {status: 200}",
      "routeAction: {single: {upstream: {name: u}}}",
      "delegateAction: {ref: {name: t0, namespace: one}}",
      "delegateAction: {ref: {name: t1, namespace: two}}",
      "delegateAction: {selector: {labels: {app: x}}}",
      "delegateAction: {selector: {namespaces: ['*'], labels: {app: x}}}",
      "delegateAction: {selector: {namespaces: ['*'], expressions: [{key: app, operator: Exists}]}}",
      "delegateAction: {name: t2, namespace: one}"};
  std::string routes;
  for (int i = Pick(random, 4); i > 0; --i) {
    routes += (routes.empty() ? "{" : ", {") + OneOf(random, kMatchers) + OneOf(random, kFlags) +
              OneOf(random, kOptions) + OneOf(random, kActions) + "}";
  }
  return "[" + routes + "]";
}

struct Id {
  Kind kind;
  std::string ns;
  std::string name;
};

// A new content for the object.
std::string RandomObject(Random& random, const Id& name) {
  const std::string head = "apiVersion: " + std::string(name.kind == Kind::kSettings ? "gloo" : "gateway") +
                           ".solo.io/v1\nkind: " + std::string(KindName(name.kind)) +
                           "\nmetadata: {name: " + name.name + ", namespace: " + name.ns +
                           OneOf(random, std::vector<std::string>{"", ", labels: {app: x}", ", labels: {app: y}",
                                                                  ", creationTimestamp: '2020-01-01T00:00:00Z'"}) +
                           "}\nspec: ";
  switch (name.kind) {
    case Kind::kVirtualService:
      return head + "{virtualHost: {domains: [" +
             OneOf(random, std::vector<std::string>{"a.com", "b.com", "A.com, c.com", "'*'", "", "a.com, a.com"}) +
             "], " +
             OneOf(random,
                   std::vector<std::string>{"", "",
                                            "optionsConfigRefs: {delegateOptions: [{name: h0, namespace: one}]}, "}) +
             "routes: " + RandomRoutes(random) + "}" +
             OneOf(random, std::vector<std::string>{"", "", "", ", sslConfig: {secretRef: {name: s}}",
                                                    ", sslConfig: {secretRef: {name: t}, sniDomains: [a]}"}) +
             "}";
    case Kind::kRouteTable:
      return head + "{weight: " + std::to_string(Pick(random, 2)) + ", routes: " + RandomRoutes(random) + "}";
    case Kind::kRouteOption:
      return head + OneOf(random, std::vector<std::string>{"{options: {timeout: 5s}}", "{options: {idleTimeout: 6s}}",
                                                           "{options: {regexRewrite: {pattern: {regex: '('}}}}", "{}"});
    case Kind::kVirtualHostOption:
      return head + OneOf(random, std::vector<std::string>{"{options: {includeRequestAttemptCount: true}}", "{}"});
    case Kind::kGateway:
      return head + "{bindAddress: '::', bindPort: " + std::to_string(8080 + Pick(random, 3)) + ", " +
             OneOf(random, std::vector<std::string>{"", "ssl: true, ", "proxyNames: [p, q], "}) +
             OneOf(
                 random,
                 std::vector<std::string>{
                     "httpGateway: {}", "httpGateway: {virtualServiceSelector: {app: x}}",
                     "httpGateway: {virtualServices: [{name: v0, namespace: one}, {name: v9, namespace: one}]}",
                     "httpGateway: {virtualServiceExpressions: {expressions: [{key: app, operator: In, values: [x]}]}}",
                     "httpGateway: {virtualServiceExpressions: {expressions: [{key: app, operator: In}]}}",
                     "httpGateway: {virtualServiceNamespaces: [two]}", "tcpGateway: {}"}) +
             "}";
    default:
      return head + OneOf(random, std::vector<std::string>{"{}", "{gateway: {isolateVirtualHostsBySslConfig: true}}",
                                                           "{watchNamespaces: [one]}",
                                                           "{gateway: {readGatewaysFromAllNamespaces: true}}",
                                                           "{gateway: {virtualServiceOptions: {oneWayTls: true}}}",
                                                           "{gloo: {regexMaxProgramSize: 3}}"});
  }
}

// Everything that a Translation says, as text that shows differences.
std::map<std::string, std::string> Dump(const World& world) {
  std::map<std::string, std::string> out;
  const auto add = [&](const std::string& key, const google::protobuf::Message& spec, const auto& part) {
    std::string text =
        std::to_string(part.hash) + (part.accepted ? " accepted " : " refused ") + SerializeDeterministic(spec);
    for (const Problem& problem : part.problems) text += "\n" + problem.ToString();
    out[key] = std::move(text);
  };
  world.translation.listeners().ForEach(
      [&](const auto& key, const auto& part) { add("listener " + key.ToString(), *part->spec, *part); });
  world.translation.virtual_hosts().ForEach([&](const auto& key, const auto& part) {
    add("host " + key.ToString(), *part->spec, *part);
    EXPECT_EQ(static_cast<size_t>(part->spec->routes_size()), part->routes.size());
  });
  world.translation.bindings().ForEach([&](const auto& key, const auto& binding) {
    out["binding " + key.ToString()] = std::to_string(binding->hash) + " " + std::to_string(binding->ssl_hash);
  });
  world.translation.other_problems().ForEach([&](const auto& key, const auto& problems) {
    for (const Problem& problem : *problems) out["other " + key.ToString()] += problem.ToString() + "\n";
  });
  return out;
}

class Universe {
 public:
  explicit Universe(unsigned seed) : random_(seed) {
    for (const char* ns : {"one", "two"}) {
      for (int i = 0; i < 5; ++i) names_.push_back({Kind::kVirtualService, ns, "v" + std::to_string(i)});
      for (int i = 0; i < 3; ++i) names_.push_back({Kind::kRouteTable, ns, "t" + std::to_string(i)});
    }
    for (const char* name : {"o0", "o1"}) names_.push_back({Kind::kRouteOption, "one", name});
    names_.push_back({Kind::kVirtualHostOption, "one", "h0"});
    for (const char* ns : {"gloo-system", "gloo-system", "one"}) {
      names_.push_back({Kind::kGateway, ns, "g" + std::to_string(names_.size())});
    }
    names_.push_back({Kind::kSettings, "gloo-system", "default"});
  }

  // One transaction: some objects change, some go.
  void Step(World& world) {
    for (int i = 1 + Pick(random_, 3); i > 0; --i) {
      const Id& name = OneOf(random_, names_);
      const ResourceKey key{name.kind, name.ns, name.name};
      if (Pick(random_, 5) == 0) {
        objects_.erase(key);
        world.inputs.Stage({key, std::monostate()});
        continue;
      }
      const auto changes = ParseObjects(RandomObject(random_, name));
      ASSERT_EQ(changes.size(), 1u);
      objects_.insert_or_assign(key, changes[0]);
      world.inputs.Stage(changes[0]);
    }
    world.graph.Commit();
  }

  // The same objects in a new world, all at once.
  std::unique_ptr<World> Rebuild(const Translation::Memory& memory) {
    auto world = std::make_unique<World>();
    world->translation.Remember(memory);
    for (const auto& [key, change] : objects_) world->inputs.Stage(change);
    world->graph.Commit();
    return world;
  }

  // The same objects in a new world, each in a transaction of its own, in a random order; Settings first, as what they
  // say of Gateways is part of what is remembered as last good.
  std::unique_ptr<World> RebuildOneByOne() {
    auto world = std::make_unique<World>();
    std::vector<const Change*> order;
    for (const auto& [key, change] : objects_) order.push_back(&change);
    std::shuffle(order.begin(), order.end(), random_);
    std::stable_partition(order.begin(), order.end(),
                          [](const Change* change) { return change->key.kind == Kind::kSettings; });
    for (const Change* change : order) {
      world->inputs.Stage(*change);
      world->graph.Commit();
    }
    return world;
  }

 private:
  Random random_;
  std::vector<Id> names_;
  std::map<ResourceKey, Change> objects_;
};

TEST(Property, TheHistoryDoesNotMatter) {
  Universe universe(1);
  World world;
  size_t hosts = 0;
  size_t refused = 0;
  size_t routes = 0;
  for (int step = 0; step < 2000; ++step) {
    universe.Step(world);
    if (::testing::Test::HasFatalFailure()) return;
    const auto rebuilt = universe.Rebuild(world.translation.memory());
    const auto now = Dump(world);
    ASSERT_EQ(now, Dump(*rebuilt)) << "after step " << step;
    world.translation.virtual_hosts().ForEach([&](const auto&, const auto& host) {
      ++hosts;
      refused += host->accepted ? 0 : 1;
      routes += host->routes.size();
    });
  }
  // The universe is worth the name: much is served, and much is refused.
  EXPECT_GT(hosts, 4000u);
  EXPECT_GT(refused, 500u);
  EXPECT_GT(routes, 3000u);
}

TEST(Property, TheOrderOfArrivalDoesNotMatter) {
  for (unsigned seed = 100; seed < 130; ++seed) {
    Universe universe(seed);
    World world;
    for (int step = 0; step < 40; ++step) universe.Step(world);
    const auto a = universe.RebuildOneByOne();
    const auto b = universe.RebuildOneByOne();
    EXPECT_EQ(Dump(*a), Dump(*b)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace k8sgw::gateway
