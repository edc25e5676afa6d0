#include "src/gateway/options_merge.h"

#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/matchers.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/options/transformation.proto.h"
#include "src/base/proto_codec.h"

namespace k8sgw::gateway {
namespace {

const Source kPlace{{Kind::kRouteOption, "default", "shared"}, "options"};

gloov1::RouteOptions Options(std::string_view yaml) {
  gloov1::RouteOptions options;
  const auto stream = yaml::Parse(yaml);
  for (const auto& problem : DecodeProto(stream.documents.at(0), &options)) ADD_FAILURE() << problem.message;
  return options;
}

std::string Text(const google::protobuf::Message& message) { return yaml::EmitJson(EncodeProto(message), 0); }

struct Case {
  const char* into;
  const char* from;
  const char* merged;
};

TEST(MergeOptions, FillsOnlyWhatIsEmpty) {
  const Case cases[] = {
      {"{timeout: 1s}", "{timeout: 2s, prefixRewrite: /x}", "{timeout: 1s, prefixRewrite: /x}"},
      // Shallow: what is inside a field is not joined.
      {"{retries: {retryOn: a}}", "{retries: {numRetries: 3}}", "{retries: {retryOn: a}}"},
      {"{retries: {}}", "{retries: {numRetries: 3}}", "{retries: {}}"},
      // A wrapper at zero is there.
      {"{prefixRewrite: ''}", "{prefixRewrite: /x}", "{prefixRewrite: ''}"},
      {"{appendXForwardedHost: false}", "{appendXForwardedHost: true}", "{appendXForwardedHost: false}"},
      // A oneof is one field, and any member fills it, also at zero.
      {"{hostRewrite: a}", "{autoHostRewrite: true}", "{hostRewrite: a}"},
      {"{hostRewrite: ''}", "{autoHostRewrite: true}", "{hostRewrite: ''}"},
      {"{timeout: 1s}", "{autoHostRewrite: false}", "{timeout: 1s, autoHostRewrite: false}"},
      // Lists and maps: as a whole, and empty ones are empty.
      {"{upgrades: [{websocket: {}}]}", "{upgrades: [{connect: {}}]}", "{upgrades: [{websocket: {}}]}"},
      {"{upgrades: []}", "{upgrades: [{connect: {}}], timeout: 1s}", "{upgrades: [{connect: {}}], timeout: 1s}"},
      {"{envoyMetadata: {a: {x: 1}}}", "{envoyMetadata: {b: {x: 1}}}", "{envoyMetadata: {a: {x: 1}}}"},
      {"{}", "{envoyMetadata: {b: {x: 1}}}", "{envoyMetadata: {b: {x: 1}}}"},
      {"{}", "{}", "{}"},
  };
  for (const Case& c : cases) {
    gloov1::RouteOptions into = Options(c.into);
    proxy::OptionSources sources;
    const bool takes = TakesOptions(into, Options(c.from));
    MergeOptions(into, Options(c.from), kPlace, {}, sources);
    EXPECT_EQ(Text(into), Text(Options(c.merged))) << c.into << " + " << c.from;
    EXPECT_EQ(takes, !sources.empty()) << c.into << " + " << c.from;
  }
}

TEST(MergeOptions, ScalarsAreEmptyAtZero) {
  gloov1::ListenerOptions into;
  gloov1::ListenerOptions from;
  from.mutable_per_connection_buffer_limit_bytes()->set_value(7);
  proxy::OptionSources sources;
  MergeOptions(into, from, kPlace, {}, sources);
  EXPECT_EQ(into.per_connection_buffer_limit_bytes().value(), 7u);
  transformationv1::Transformations zero;
  transformationv1::Transformations one;
  one.set_clear_route_cache(true);
  MergeOptions(zero, one, kPlace, {}, sources);
  EXPECT_TRUE(zero.clear_route_cache());
}

TEST(MergeOptions, NamesThePlaceOfEachFieldThatItTook) {
  const Source further{{Kind::kRouteTable, "default", "t"}, "routes[0].options"};
  gloov1::RouteOptions into = Options("{timeout: 1s}");
  proxy::OptionSources sources;
  MergeOptions(into, Options("{timeout: 2s, prefixRewrite: /a, idleTimeout: 3s}"), kPlace,
               {{gloov1::RouteOptions::kIdleTimeoutFieldNumber, further}}, sources);
  const proxy::OptionSources expected = {{gloov1::RouteOptions::kPrefixRewriteFieldNumber, kPlace},
                                         {gloov1::RouteOptions::kIdleTimeoutFieldNumber, further}};
  EXPECT_EQ(sources, expected);
}

TEST(InheritTransformations, AppendsTheParentsAfterTheChilds) {
  auto stages = [](const char* yaml) { return Options(yaml).staged_transformations(); };
  auto child = stages(
      "{stagedTransformations: {regular: {requestTransforms: [{matcher: {prefix: /child}}]}, escapeCharacters: true}}");
  InheritTransformations(stages("{stagedTransformations: {early: {requestTransforms: [{matcher: {prefix: /early}}]}, "
                                "regular: {requestTransforms: [{matcher: {prefix: /parent}}]}, "
                                "postRouting: {requestTransforms: [{matcher: {prefix: /post}}]}}}"),
                         child);
  ASSERT_EQ(child.regular().request_transforms_size(), 2);
  EXPECT_EQ(child.regular().request_transforms(0).matcher().prefix(), "/child");
  EXPECT_EQ(child.regular().request_transforms(1).matcher().prefix(), "/parent");
  EXPECT_EQ(child.early().request_transforms(0).matcher().prefix(), "/early");
  EXPECT_FALSE(child.has_post_routing());
}

}  // namespace
}  // namespace k8sgw::gateway
