#include "src/gateway/delegation.h"

#include <gmock/gmock.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/matchers.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "api/options/transformation.proto.h"
#include "plugins/retries/retries.proto.h"
#include "src/gateway/test_world.h"

namespace k8sgw::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A VirtualService `default/vs`, or a RouteTable, with the given routes (a list).
std::string Service(const std::string& routes, const std::string& more = "") {
  return "\n---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: vs, generation: 3}\n"
         "spec: {virtualHost: {domains: [a.com], " +
         more + (more.empty() ? "" : ", ") + "routes: " + routes + "}}\n";
}
std::string Table(const std::string& name, const std::string& routes, const std::string& metadata = "",
                  const std::string& more = "") {
  return "\n---\napiVersion: gateway.solo.io/v1\nkind: RouteTable\nmetadata: {name: " + name +
         (metadata.empty() ? "" : ", ") + metadata + "}\nspec: {" + more + (more.empty() ? "" : ", ") +
         "routes: " + routes + "}\n";
}
std::string To(const std::string& table) { return "delegateAction: {ref: {name: " + table + ", namespace: default}}"; }
constexpr char kReply[] = "directResponseAction: {status: 200}";

class Delegation : public ::testing::Test {
 protected:
  Delegation() { world.Apply(kHttpGateway); }

  Ptr<proxy::VirtualHost> host() const { return world.host("default", "vs"); }
  // The first path of each route.
  std::vector<std::string> paths() const {
    std::vector<std::string> out;
    for (const auto& route : host()->spec->routes()) {
      const auto& m = route.matchers(0);
      out.push_back(m.has_prefix() ? m.prefix() : m.has_exact() ? "=" + m.exact() : "~" + m.regex());
    }
    return out;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& route : host()->spec->routes()) out.push_back(route.name());
    return out;
  }

  World world;
};

TEST_F(Delegation, WithoutItRoutesStayAsTheyAre) {
  world.Apply(
      Service("[{matchers: [{exact: /a}, {prefix: /b}], routeAction: {single: {upstream: {name: u}}}}, "
              "{redirectAction: {hostRedirect: b.com}}, {directResponseAction: {status: 404, body: \"no\"}}]"));
  EXPECT_THAT(paths(), ElementsAre("=/a", "/", "/"));
  const auto& routes = host()->spec->routes();
  EXPECT_EQ(routes[0].matchers_size(), 2);
  EXPECT_EQ(routes[0].route_action().single().upstream().namespace_(), "default");
  EXPECT_EQ(routes[1].redirect_action().host_redirect(), "b.com");
  EXPECT_EQ(routes[2].direct_response_action().status(), 404u);
  EXPECT_EQ(host()->spec->name(), "default.vs");
  EXPECT_THAT(host()->spec->domains(), ElementsAre("a.com"));
  EXPECT_EQ(host()->routes[1].route.path, "virtualHost.routes[1]");
  EXPECT_THAT(names(), ElementsAre("", "", ""));
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST_F(Delegation, UpstreamsAreInTheNamespaceOfTheirOwner) {
  world.Apply(
      Service("[{matchers: [{prefix: /a}], delegateAction: {ref: {name: t, namespace: team}}}]") +
      Table("t",
            "[{matchers: [{prefix: /a/1}], routeAction: {single: {upstream: {name: u}}}}, {matchers: [{prefix: "
            "/a/2}], routeAction: {multi: {destinations: [{destination: {upstream: {name: u}}, weight: 1}, "
            "{destination: {upstream: {name: v, namespace: other}}, weight: 1}]}}}, {matchers: [{prefix: /a/3}], "
            "routeAction: {upstreamGroup: {name: g}}}, {matchers: [{prefix: /a/4}], routeAction: {single: {kube: "
            "{ref: {name: svc}, port: 80}}}}]",
            "namespace: team"));
  const auto& routes = host()->spec->routes();
  EXPECT_EQ(routes[0].route_action().single().upstream().namespace_(), "team");
  EXPECT_EQ(routes[1].route_action().multi().destinations(0).destination().upstream().namespace_(), "team");
  EXPECT_EQ(routes[1].route_action().multi().destinations(1).destination().upstream().namespace_(), "other");
  // As published, nothing else gets a namespace.
  EXPECT_EQ(routes[2].route_action().upstream_group().namespace_(), "");
  EXPECT_EQ(routes[3].route_action().single().kube().ref().namespace_(), "");
}

TEST_F(Delegation, DepthFirstInOrderWithSources) {
  world.Apply(Service("[{matchers: [{prefix: /a}], " + To("one") + "}, {matchers: [{prefix: /z}], " + kReply + "}]") +
              Table("one",
                    std::string("[{matchers: [{prefix: /a/1}], ") + kReply + "}, {matchers: [{prefix: /a/2}], " +
                        To("two") + "}, {matchers: [{prefix: /a/3}], " + kReply + "}]",
                    "generation: 5") +
              Table("two", std::string("[{matchers: [{prefix: /a/2/x}], ") + kReply + "}]"));
  EXPECT_THAT(paths(), ElementsAre("/a/1", "/a/2/x", "/a/3", "/z"));
  EXPECT_EQ(host()->routes[1].route, (proxy::Source{{Kind::kRouteTable, "default", "two"}, "routes[0]"}));
  EXPECT_EQ(host()->routes[2].route, (proxy::Source{{Kind::kRouteTable, "default", "one"}, "routes[2]"}));
  std::vector<std::string> sources;
  for (const auto& origin : host()->routes[1].origins) {
    sources.push_back(origin.object.ToString() + " " + std::to_string(origin.generation));
  }
  EXPECT_THAT(sources,
              ElementsAre("RouteTable default/two 0", "RouteTable default/one 5", "VirtualService default/vs 3"));
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST_F(Delegation, ANameIsKeptWhereSomeRouteOfTheBranchHasOne) {
  world.Apply(Service("[{name: top, matchers: [{prefix: /a}], " + To("one") + "}, {matchers: [{prefix: /b}], " +
                      To("two") + "}, {name: leaf, matchers: [{prefix: /z}], " + kReply + "}]") +
              Table("one", std::string("[{matchers: [{prefix: /b}], ") + kReply + "}, {matchers: [{prefix: /a/1}], " +
                               kReply + "}]") +
              Table("two", std::string("[{matchers: [{prefix: /b/1}], ") + kReply +
                               "}, {name: mine, matchers: [{prefix: /b/2}], " + kReply + "}]"));
  EXPECT_THAT(names(), ElementsAre("vs:http_gateway-proxy_default_vs_route:top_rt:default_one_route:<unnamed-1>", "",
                                   "vs:http_gateway-proxy_default_vs_route:<unnamed-1>_rt:default_two_route:mine",
                                   "vs:http_gateway-proxy_default_vs_route:leaf"));
}

TEST_F(Delegation, ABadChildIsLeftOutWithAWarningAndTheOthersStay) {
  world.Apply(Service("[{name: top, matchers: [{prefix: /a}], " + To("one") + "}]") +
              Table("one", std::string("[{matchers: [{prefix: /a/1}], ") + kReply +
                               "}, {matchers: [{prefix: /a}, {exact: /b}], " + kReply + "}, {" + kReply + "}]"));
  EXPECT_THAT(paths(), ElementsAre("/a/1"));
  EXPECT_TRUE(host()->accepted);
  EXPECT_THAT(
      world.problems(),
      ElementsAre("warning: RouteTable default/one: routes[1].matchers[1].exact: the path \"/b\" does not begin "
                  "with \"/a\", as the route that delegates here (VirtualService default/vs, "
                  "virtualHost.routes[0], named \"top\") demands, so this route is left out: begin it with that "
                  "prefix, or set inheritablePathMatchers",
                  "warning: RouteTable default/one: routes[2].matchers: the path \"/\" does not begin with "
                  "\"/a\", as the route that delegates here (VirtualService default/vs, virtualHost.routes[0], "
                  "named \"top\") demands, so this route is left out: begin it with that prefix, or set "
                  "inheritablePathMatchers"));
}

TEST_F(Delegation, MatchersAreInheritedThroughTheWholeBranch) {
  world.Apply(Service("[{matchers: [{prefix: /a, headers: [{name: h}], methods: [GET]}], inheritableMatchers: true, "
                      "inheritablePathMatchers: true, " +
                      To("one") + "}]") +
              Table("one", std::string("[{") + To("two") +
                               "}, {inheritablePathMatchers: false, matchers: [{exact: /a/own}], " + kReply +
                               "}, {inheritableMatchers: false, matchers: [{headers: [{name: h}], methods: [GET]}], " +
                               kReply + "}]") +
              Table("two", std::string("[{matchers: [{exact: /ignored, headers: [{name: own}]}], ") + kReply + "}]"));
  EXPECT_THAT(paths(), ElementsAre("/a", "=/a/own", "/a"));
  const auto& first = host()->spec->routes(0).matchers(0);
  ASSERT_EQ(first.headers_size(), 2);  // the parent's, through two levels, before its own
  EXPECT_EQ(first.headers(0).name() + first.headers(1).name(), "hown");
  EXPECT_EQ(host()->spec->routes(2).matchers(0).headers_size(), 1);
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST_F(Delegation, ADelegatingRouteNeedsOnePrefix) {
  world.Apply(Service("[{matchers: [{exact: /a}], " + To("one") + "}, {matchers: [{prefix: /}], " + To("one") + "}]") +
              Table("one", std::string("[{matchers: [{prefix: /1}], ") + kReply + "}]"));
  EXPECT_FALSE(host()->accepted);
  EXPECT_THAT(world.problems(),
              ElementsAre("error: VirtualService default/vs: virtualHost.routes[0].matchers[0].exact: a "
                          "route that delegates must match by prefix: use prefix, such as \"/\""));
  EXPECT_THAT(paths(), ElementsAre("/1"));
  // On a RouteTable: the error stands there, and the VirtualService is frozen with one warning.
  world.Apply(Service("[{" + To("one") + "}]") +
              Table("one", "[{matchers: [{prefix: /a}, {prefix: /b}], " + To("two") + "}]") + Table("two", "[]"));
  EXPECT_FALSE(host()->accepted);
  EXPECT_THAT(
      world.problems(),
      ElementsAre("warning: VirtualService default/vs: is not served as it is now, because RouteTable "
                  "default/one, which it includes, has errors: mend the RouteTable",
                  "error: RouteTable default/one: routes[0].matchers[1]: a route that delegates has one matcher "
                  "at most: write a delegating route for each matcher"));
}

TEST_F(Delegation, AMatcherWithoutPathDelegatesFromTheRoot) {
  world.Apply(Service("[{matchers: [{headers: [{name: h}]}], " + To("one") + "}]") +
              Table("one", std::string("[{matchers: [{prefix: /1}], ") + kReply + "}]"));
  EXPECT_THAT(paths(), ElementsAre("/1"));
  EXPECT_TRUE(
      Says(world.problems(), {"warning: VirtualService default/vs: virtualHost.routes[0].matchers[0]: has no path"}));
}

TEST_F(Delegation, TablesByWeightAndSortedWithinOne) {
  const auto table = [](const std::string& name, const std::string& weight, const std::string& paths) {
    return Table(name, paths, "labels: {app: x}", weight);
  };
  const auto route = [](const std::string& matcher) { return "{matchers: [{" + matcher + "}], " + kReply + "}"; };
  world.Apply(Service("[{delegateAction: {selector: {labels: {app: x}}}}]") +
              table("a", "weight: 10", "[" + route("prefix: /heavy") + "]") +
              table("b", "", "[" + route("prefix: /foo") + ", " + route("prefix: /foo/bar") + "]") +
              table("c", "weight: 0", "[" + route("exact: /foo/x") + ", " + route("regex: /foo/y") + "]") +
              table("d", "weight: -1", "[" + route("prefix: /light") + ", " + route("prefix: /light/more") + "]"));
  // A weight with one table keeps the user's order.
  EXPECT_THAT(paths(), ElementsAre("/light", "/light/more", "=/foo/x", "~/foo/y", "/foo/bar", "/foo", "/heavy"));
  // Sources move along with their routes.
  EXPECT_EQ(host()->routes[2].route.object.name, "c");
  EXPECT_EQ(host()->routes[4].route.path, "routes[1]");
}

TEST_F(Delegation, Selectors) {
  struct Case {
    const char* selector;
    std::vector<std::string> paths;
  };
  const auto table = [](const std::string& name, const std::string& ns, const std::string& labels) {
    return Table(name, "[{matchers: [{prefix: /" + name + "}], " + kReply + "}]",
                 "namespace: " + ns + ", labels: {" + labels + "}");
  };
  world.Apply(table("a", "default", "x: '1'") + table("b", "default", "x: '2', y: '1'") + table("c", "team", "x: '1'") +
              table("d", "team", ""));
  const Case cases[] = {
      {"{labels: {x: '1'}}", {"/a"}},
      {"{labels: {x: '2', y: '1'}}", {"/b"}},
      {"{labels: {x: '1', y: '1'}}", {}},
      {"{namespaces: ['*'], labels: {x: '1'}}", {"/c", "/a"}},
      {"{namespaces: [team]}", {"/d", "/c"}},
      {"{namespaces: [team, default], labels: {x: '1'}}", {"/c", "/a"}},
      {"{namespaces: [team, '*']}", {"/d", "/c", "/b", "/a"}},
      {"{}", {"/b", "/a"}},
      {"{expressions: [{key: x, operator: Exists}]}", {"/b", "/a"}},
      {"{expressions: [{key: x, operator: NotIn, values: ['1']}]}", {"/b"}},
      {"{namespaces: ['*'], expressions: [{key: x, operator: DoesNotExist}]}", {"/d"}},
      // What makes no sense selects nothing.
      {"{labels: {x: '1'}, expressions: [{key: x, operator: Exists}]}", {}},
      {"{expressions: [{key: x, operator: In, values: []}]}", {}},
  };
  for (const Case& c : cases) {
    world.Apply(Service("[{delegateAction: {selector: " + std::string(c.selector) + "}}]"));
    EXPECT_EQ(paths(), c.paths) << c.selector;
    EXPECT_EQ(world.problems().empty(), !c.paths.empty()) << c.selector;
    EXPECT_TRUE(host()->accepted);
  }
}

TEST_F(Delegation, MissingThingsAreWarnings) {
  world.Apply(
      Service("[{" + To("none") +
                  "}, {matchers: [{prefix: /b}], delegateAction: {selector: {labels: {a: b}}}}, "
                  "{matchers: [{prefix: /c}], delegateAction: {name: old, namespace: default}}, {matchers: [{prefix: "
                  "/d}], delegateAction: {}}, {matchers: [{prefix: /e}], optionsConfigRefs: {delegateOptions: [{name: "
                  "\"no\", namespace: default}]}, " +
                  std::string(kReply) + "}]",
              "optionsConfigRefs: {delegateOptions: [{name: nope, namespace: x}]}"));
  EXPECT_TRUE(host()->accepted);
  EXPECT_THAT(paths(), ElementsAre("/e"));
  EXPECT_THAT(
      world.problems(),
      ElementsAre("warning: VirtualService default/vs: virtualHost.optionsConfigRefs.delegateOptions[0]: there is no "
                  "VirtualHostOption x/nope: create it, or correct name and namespace",
                  "warning: VirtualService default/vs: virtualHost.routes[0].delegateAction.ref: there is no "
                  "RouteTable default/none: create it, or correct name and namespace",
                  "warning: VirtualService default/vs: virtualHost.routes[1].delegateAction.selector: selects no "
                  "RouteTable: correct the labels, or list namespaces: only default is searched without",
                  "warning: VirtualService default/vs: virtualHost.routes[2].delegateAction: there is no "
                  "RouteTable default/old: create it, or correct name and namespace",
                  "warning: VirtualService default/vs: virtualHost.routes[3].delegateAction: delegates to "
                  "nothing: add ref or selector",
                  "warning: VirtualService default/vs: virtualHost.routes[4].optionsConfigRefs.delegateOptions[0]: "
                  "there is no RouteOption default/no: create it, or correct name and namespace"));
  world.Apply(Table("old", std::string("[{matchers: [{prefix: /c}], ") + kReply + "}]"));
  EXPECT_THAT(paths(), ElementsAre("/c", "/e"));
}

TEST_F(Delegation, ACircleIsAnErrorOfTheTableThatWouldBeVisitedAgain) {
  world.Apply(Service("[{" + To("a") + "}]") +
              Table("a", std::string("[{matchers: [{prefix: /1}], ") + kReply + "}, {" + To("b") + "}]") +
              Table("b", "[{" + To("a") + "}, {matchers: [{prefix: /2}], " + kReply + "}]"));
  EXPECT_THAT(paths(), ElementsAre("/1", "/2"));
  EXPECT_FALSE(host()->accepted);
  EXPECT_THAT(
      world.problems(),
      ElementsAre("warning: VirtualService default/vs: is not served as it is now, because RouteTable "
                  "default/a, which it includes, has errors: mend the RouteTable",
                  "error: RouteTable default/a: routes[1].delegateAction: delegation goes in a circle: default/a "
                  "-> default/b -> default/a: remove one of these delegations"));
  // Twice, but not in a circle.
  world.Apply(Service("[{" + To("b") + "}, {" + To("b") + "}]") +
              Table("b", std::string("[{matchers: [{prefix: /2}], ") + kReply + "}]") + Table("a", "[]"));
  EXPECT_THAT(paths(), ElementsAre("/2", "/2"));
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST_F(Delegation, DepthIsBounded) {
  std::string tables;
  for (int i = 0; i < 70; ++i) {
    tables += Table("t" + std::to_string(i), "[{matchers: [{prefix: /" + std::to_string(i) + "}], " + kReply + "}, {" +
                                                 To("t" + std::to_string(i + 1)) + "}]");
  }
  world.Apply(Service("[{" + To("t0") + "}]") + tables);
  EXPECT_EQ(paths().size(), 64u);
  EXPECT_FALSE(host()->accepted);
  EXPECT_TRUE(
      Says(world.problems(), {"error: RouteTable default/t63: routes[1].delegateAction: delegation is more than "
                              "64 RouteTables deep"}));
}

TEST_F(Delegation, WidthIsBoundedEvenWithoutRoutes) {
  // Two ways at each of 40 levels: 2^40 branches.
  std::string tables;
  for (int i = 0; i < 40; ++i) {
    const std::string next = To("t" + std::to_string(i + 1));
    tables += Table("t" + std::to_string(i), "[{" + next + "}, {" + next + "}]");
  }
  world.Apply(Service("[{matchers: [{prefix: /a}], " + std::string(kReply) + "}, {" + To("t0") + "}]") + tables +
              Table("t40", "[]"));
  EXPECT_FALSE(host()->accepted);
  EXPECT_THAT(world.problems(),
              ElementsAre("error: VirtualService default/vs: virtualHost.routes[1]: delegation leads to "
                          "more than 200000 routes and RouteTables: delegate to fewer RouteTables, or "
                          "split the VirtualService"));
}

TEST_F(Delegation, OptionsTheNearestWinsAndEachKnowsItsPlace) {
  const auto option = [](const std::string& name, const std::string& options) {
    return "\n---\napiVersion: gateway.solo.io/v1\nkind: RouteOption\nmetadata: {name: " + name +
           "}\nspec: {options: " + options + "}\n";
  };
  const auto refs = [](const std::string& names) { return "optionsConfigRefs: {delegateOptions: [" + names + "]}"; };
  world.Apply(Service("[{options: {timeout: 1s, idleTimeout: 1s}, " + refs("{name: top, namespace: default}") + ", " +
                      To("one") + "}]") +
              Table("one", "[{matchers: [{prefix: /1}], options: {timeout: 2s}, " +
                               refs("{name: x, namespace: default}, {name: y, namespace: default}") + ", " + kReply +
                               "}, {matchers: [{prefix: /2}], " + kReply + "}]") +
              option("x", "{prefixRewrite: /x}") +
              option("y", "{prefixRewrite: /y, appendXForwardedHost: true, timeout: 9s}") +
              option("top", "{timeout: 9s, prefixRewrite: /top, autoHostRewrite: true}"));
  const auto& first = host()->spec->routes(0).options();
  EXPECT_EQ(first.timeout().seconds(), 2);
  EXPECT_EQ(first.prefix_rewrite().value(), "/x");
  EXPECT_TRUE(first.append_x_forwarded_host().value());
  EXPECT_EQ(first.idle_timeout().seconds(), 1);
  EXPECT_TRUE(first.auto_host_rewrite().value());
  std::vector<std::string> sources;
  for (const auto& [field, source] : host()->routes[0].options) {
    sources.push_back(std::to_string(field) + " " + source.object.ToString() + " " + source.path);
  }
  EXPECT_THAT(sources, ElementsAre("3 RouteOption default/x options", "146 RouteOption default/y options",
                                   "19 RouteOption default/top options",
                                   "29 VirtualService default/vs virtualHost.routes[0].options"));
  const auto& second = host()->spec->routes(1).options();
  EXPECT_EQ(second.timeout().seconds(), 1);
  EXPECT_EQ(second.prefix_rewrite().value(), "/top");
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST_F(Delegation, NoOptionsMeansNone) {
  world.Apply(
      Service("[{matchers: [{prefix: /}], optionsConfigRefs: {delegateOptions: [{name: \"no\", namespace: x}]}, " +
              std::string(kReply) + "}]"));
  EXPECT_FALSE(host()->spec->routes(0).has_options());
  EXPECT_FALSE(host()->spec->has_options());
}

TEST_F(Delegation, TransformationsAreInheritedFromRouteOrHost) {
  const auto stage = [](const std::string& prefix, bool inherit) {
    return "stagedTransformations: {inheritTransformation: " + std::string(inherit ? "true" : "false") +
           ", regular: {requestTransforms: [{matcher: {prefix: " + prefix + "}}]}}";
  };
  world.Apply(Service("[{matchers: [{prefix: /a}], options: {" + stage("/root", true) + "}, " + To("one") +
                          "}, {matchers: [{prefix: /b}], options: {" + stage("/own", false) + "}, " + kReply + "}]",
                      "options: {" + stage("/host", false) + "}") +
              Table("one", "[{matchers: [{prefix: /a/1}], options: {" + stage("/leaf", true) + "}, " + kReply + "}]"));
  std::vector<std::string> order;
  for (const auto& t : host()->spec->routes(0).options().staged_transformations().regular().request_transforms()) {
    order.push_back(t.matcher().prefix());
  }
  EXPECT_THAT(order, ElementsAre("/leaf", "/root", "/host"));
  EXPECT_EQ(host()->spec->routes(1).options().staged_transformations().regular().request_transforms_size(), 1);
}

TEST_F(Delegation, VirtualHostOptions) {
  const auto option = [](const std::string& name, const std::string& options) {
    return "\n---\napiVersion: gateway.solo.io/v1\nkind: VirtualHostOption\nmetadata: {name: " + name +
           "}\nspec: {options: " + options + "}\n";
  };
  world.Apply(Service("[]",
                      "options: {includeRequestAttemptCount: false}, optionsConfigRefs: {delegateOptions: [{name: a, "
                      "namespace: default}, {name: b, namespace: default}]}") +
              option("a", "{includeRequestAttemptCount: true, retries: {numRetries: 1}}") +
              option("b", "{retries: {numRetries: 2}, includeAttemptCountInResponse: true}"));
  const auto& options = host()->spec->options();
  EXPECT_FALSE(options.include_request_attempt_count().value());
  EXPECT_EQ(options.retries().num_retries(), 1u);
  EXPECT_TRUE(options.include_attempt_count_in_response().value());
  ASSERT_EQ(host()->options.size(), 2u);
  EXPECT_EQ(host()->options[0].second.object.name, "a");
  EXPECT_EQ(host()->options[1].second.object.name, "b");
}

TEST_F(Delegation, WrongContentStandsOnItsOwnerAndFreezesTheIncluder) {
  world.Apply(
      Service("[{" + To("one") + "}]") +
      Table("one", "[{matchers: [{prefix: /x}]}, {matchers: [{regex: '/('}], " + std::string(kReply) +
                       "}, {matchers: [{prefix: /h, headers: [{name: a}, {name: b, value: '[', regex: true}, {name: "
                       "c, value: '['}], queryParameters: [{name: q, value: '*', regex: true}]}], options: "
                       "{regexRewrite: {pattern: {regex: ')'}}}, " +
                       kReply + "}]") +
      Table("alone", "[{}]"));
  EXPECT_FALSE(host()->accepted);
  const auto problems = world.problems();
  const std::string table = "error: RouteTable default/one: ";
  EXPECT_TRUE(Says(problems, {table + "routes[0]: the route must specify an action"}));
  EXPECT_TRUE(Says(problems, {table + "routes[1].matchers[0].regex: regex \"/(\" is invalid: missing )"}));
  EXPECT_TRUE(Says(problems, {table + "routes[2].matchers[0].headers[1].value: "}));
  EXPECT_TRUE(Says(problems, {table + "routes[2].matchers[0].queryParameters[0].value: "}));
  EXPECT_TRUE(Says(problems, {table + "routes[2].options.regexRewrite.pattern.regex: "}));
  EXPECT_TRUE(Says(problems, {"error: RouteTable default/alone: routes[0]: the route must specify an action"}));
  EXPECT_TRUE(Says(problems, {"warning: VirtualService default/vs: is not served as it is now"}));
  EXPECT_EQ(problems.size(), 7u) << ::testing::PrintToString(problems);
}

TEST_F(Delegation, ABadRouteOptionFreezesWhoIncludesIt) {
  world.Apply(
      Service("[{matchers: [{prefix: /}], optionsConfigRefs: {delegateOptions: [{name: o, namespace: default}]}, " +
              std::string(kReply) + "}]") +
      R"(
---
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o}
spec: {options: {hostRewritePathRegex: {pattern: {regex: '('}}}})");
  EXPECT_FALSE(host()->accepted);
  EXPECT_TRUE(Says(world.problems(), {"error: RouteOption default/o: options.hostRewritePathRegex.pattern.regex: "}));
  EXPECT_TRUE(Says(world.problems(), {"warning: VirtualService default/vs: is not served as it is now, because "
                                      "RouteOption default/o, which it includes, has errors"}));
}

TEST_F(Delegation, ALeafMatcherNeedsAPathUnlessItInheritsOne) {
  world.Apply(Service("[{matchers: [{prefix: /a}, {headers: [{name: x}]}], " + std::string(kReply) + "}]"));
  EXPECT_FALSE(host()->accepted);
  EXPECT_THAT(world.problems(), ElementsAre("error: VirtualService default/vs: virtualHost.routes[0].matchers[1]: the "
                                            "matcher has no path: add prefix, exact, regex or connectMatcher"));
}

TEST_F(Delegation, RegexProgramSize) {
  world.Apply(Service("[{matchers: [{regex: '/a{100}'}], " + std::string(kReply) + "}]"));
  EXPECT_TRUE(host()->accepted);
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {gloo: {regexMaxProgramSize: 50}})");
  EXPECT_FALSE(host()->accepted);
  EXPECT_TRUE(Says(world.problems(), {"virtualHost.routes[0].matchers[0].regex", "and 50 is the most"}));
}

TEST_F(Delegation, TablesOutsideTheWatchedNamespacesDoNotCount) {
  world.Apply(
      Service("[{matchers: [{prefix: /a}], delegateAction: {ref: {name: t, namespace: far}}}, {matchers: [{prefix: "
              "/a}], delegateAction: {selector: {namespaces: ['*']}}}]") +
      Table("t", std::string("[{matchers: [{prefix: /a}], ") + kReply + "}]", "namespace: far"));
  EXPECT_THAT(paths(), ElementsAre("/a", "/a"));
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {watchNamespaces: [default]})");
  EXPECT_THAT(paths(), IsEmpty());
  EXPECT_TRUE(Says(world.problems(), {"warning: RouteTable far/t: metadata.namespace: does not count"}));
  EXPECT_TRUE(Says(world.problems(), {"there is no RouteTable far/t"}));
}

}  // namespace
}  // namespace k8sgw::gateway
