#include "src/gateway/matchers.h"

#include <gtest/gtest.h>

#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/matchers.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/base/proto_codec.h"
#include "src/gateway/route_sort.h"

namespace k8sgw::gateway {
namespace {

// `yaml` is a list of matchers.
Matchers Parse(const std::string& yaml) {
  gatewayv1::Route route;
  const auto stream = yaml::Parse("matchers: " + yaml);
  for (const auto& problem : DecodeProto(stream.documents.at(0), &route)) ADD_FAILURE() << problem.message;
  return route.matchers();
}

std::string Text(const Matchers& matchers) {
  gatewayv1::Route route;
  *route.mutable_matchers() = matchers;
  return yaml::EmitJson(EncodeProto(route), 0);
}

TEST(FindMismatch, ComparesPathsCaseHeadersParametersAndMethods) {
  struct Case {
    const char* parent;
    const char* child;
    const char* field;  // nullptr: fits
  };
  const Case cases[] = {
      {"[{prefix: /a}]", "[{prefix: /a/b}]", nullptr},
      {"[{prefix: /a}]", "[{exact: /a}]", nullptr},
      {"[{prefix: /a}]", "[{prefix: /ab}]", nullptr},
      {"[{prefix: /a}]", "[{regex: /a/.*}]", nullptr},
      {"[{prefix: /a}]", "[{prefix: /b}]", "prefix"},
      {"[{prefix: /a}]", "[{prefix: /A/b}]", "prefix"},
      {"[{prefix: /a}]", "[{exact: /b}]", "exact"},
      {"[{prefix: /a}]", "[{regex: '.*/a'}]", "regex"},
      {"[{prefix: /a}]", "[{connectMatcher: {}}]", "connectMatcher"},
      {"[{prefix: /a}]", "[{}]", ""},
      {"[{prefix: /a, caseSensitive: false}]", "[{prefix: /a, caseSensitive: false}]", nullptr},
      {"[{prefix: /a, caseSensitive: false}]", "[{prefix: /a}]", "caseSensitive"},
      {"[{prefix: /a}]", "[{prefix: /a, caseSensitive: true}]", "caseSensitive"},
      {"[{prefix: /a, caseSensitive: true}]", "[{prefix: /a, caseSensitive: false}]", "caseSensitive"},
      {"[{prefix: /a, headers: [{name: x}]}]", "[{prefix: /a, headers: [{name: y}, {name: x}]}]", nullptr},
      {"[{prefix: /a, headers: [{name: x}]}]", "[{prefix: /a}]", "headers"},
      {"[{prefix: /a, headers: [{name: x}]}]", "[{prefix: /a, headers: [{name: x, value: v}]}]", "headers"},
      {"[{prefix: /a, headers: [{name: x}]}]", "[{prefix: /a, headers: [{name: x, invertMatch: true}]}]", "headers"},
      {"[{prefix: /a}]", "[{prefix: /a, headers: [{name: x}]}]", nullptr},
      {"[{prefix: /a, queryParameters: [{name: q}]}]", "[{prefix: /a, queryParameters: [{name: q}]}]", nullptr},
      {"[{prefix: /a, queryParameters: [{name: q}]}]", "[{prefix: /a, queryParameters: [{name: q, regex: true}]}]",
       "queryParameters"},
      {"[{prefix: /a, methods: [GET]}]", "[{prefix: /a, methods: [POST, GET]}]", nullptr},
      {"[{prefix: /a, methods: [GET, PUT]}]", "[{prefix: /a, methods: [GET]}]", "methods"},
  };
  for (const Case& c : cases) {
    const auto problem = FindMismatch(Parse(c.parent)[0], Parse(c.child));
    ASSERT_EQ(problem.has_value(), c.field != nullptr) << c.parent << " / " << c.child;
    if (problem) {
      EXPECT_EQ(problem->field, c.field) << c.parent << " / " << c.child;
    }
  }
  EXPECT_EQ(FindMismatch(Parse("[{prefix: /a}]")[0], Parse("[{prefix: /a/b}, {prefix: /b}]"))->index, 1);
}

TEST(Inherit, PathReplacesAndConditionsComeFirst) {
  const Matchers parent = Parse(
      "[{prefix: /p, caseSensitive: false, headers: [{name: h}], methods: [GET], "
      "queryParameters: [{name: q}]}]");
  Matchers child = Parse("[{exact: /c, caseSensitive: true, headers: [{name: own}], methods: [PUT]}, {}]");
  InheritPath(parent[0], child);
  EXPECT_EQ(Text(child), Text(Parse("[{prefix: /p, caseSensitive: false, headers: [{name: own}], methods: [PUT]}, "
                                    "{prefix: /p, caseSensitive: false}]")));
  InheritConditions(parent[0], child);
  EXPECT_EQ(Text(child),
            Text(Parse("[{prefix: /p, caseSensitive: false, headers: [{name: h}, {name: own}], methods: [GET, PUT], "
                       "queryParameters: [{name: q}]}, {prefix: /p, caseSensitive: false, headers: [{name: h}], "
                       "methods: [GET], queryParameters: [{name: q}]}]")));
  Matchers none;
  InheritPath(Parse("[{prefix: /p}]")[0], none);
  EXPECT_EQ(Text(none), Text(Parse("[{prefix: /p}]")));
}

TEST(CheckDelegating, WantsOnePrefixOrNoPath) {
  EXPECT_FALSE(CheckDelegating(Parse("[]")));
  EXPECT_FALSE(CheckDelegating(Parse("[{prefix: /a}]")));
  EXPECT_FALSE(CheckDelegating(Parse("[{headers: [{name: x}]}]")));
  EXPECT_TRUE(CheckDelegating(Parse("[{exact: /a}]")));
  EXPECT_TRUE(CheckDelegating(Parse("[{regex: /a}]")));
  EXPECT_TRUE(CheckDelegating(Parse("[{prefix: ''}]")));
  EXPECT_TRUE(CheckDelegating(Parse("[{connectMatcher: {}}]")));
  EXPECT_TRUE(CheckDelegating(Parse("[{prefix: /a}, {prefix: /b}]")));
  EXPECT_EQ(DelegatingMatcher(Parse("[]")).prefix(), "/");
  EXPECT_TRUE(DropsConditions(Parse("[{headers: [{name: x}]}]")));
  EXPECT_FALSE(DropsConditions(Parse("[{prefix: /, headers: [{name: x}]}]")));
  EXPECT_FALSE(DropsConditions(Parse("[{}]")));
}

TEST(SortRoutes, MethodsThenKindOfPathThenPath) {
  // In the wanted order.
  const std::vector<std::string> wanted = {"[{prefix: /, methods: [GET, PUT]}]",
                                           "[{exact: /, methods: [GET]}]",
                                           "[{connectMatcher: {}}]",
                                           "[{exact: /b}]",
                                           "[{exact: /a/b}]",
                                           "[{exact: /a}, {prefix: /z}]",
                                           "[{regex: /b}]",
                                           "[{regex: /a}]",
                                           "[{prefix: /foo/bar}]",
                                           "[{prefix: /foo}]",
                                           "[{prefix: /}]",
                                           "[]"};
  for (size_t shift = 0; shift < wanted.size(); ++shift) {
    std::vector<FlatRoute> routes;
    for (size_t i = 0; i < wanted.size(); ++i) {
      auto& flat = routes.emplace_back();
      flat.route = std::make_unique<gloov1::Route>();
      *flat.route->mutable_matchers() = Parse(wanted[(i + shift) % wanted.size()]);
    }
    SortRoutes(routes);
    // The last two are equal, so only the others are compared.
    for (size_t i = 0; i + 2 < wanted.size(); ++i) EXPECT_EQ(Text(routes[i].route->matchers()), Text(Parse(wanted[i])));
  }
}

TEST(SortRoutes, EqualOnesKeepTheirOrder) {
  std::vector<FlatRoute> routes;
  for (const char* name : {"c", "a", "b"}) {
    auto& flat = routes.emplace_back();
    flat.route = std::make_unique<gloov1::Route>();
    flat.route->set_name(name);
    flat.source.route.path = name;
  }
  SortRoutes(routes);
  EXPECT_EQ(routes[0].route->name() + routes[1].route->name() + routes[2].route->name(), "cab");
  EXPECT_EQ(routes[0].source.route.path, "c");
}

}  // namespace
}  // namespace k8sgw::gateway
