#include "src/crds/describe.h"

#include <gtest/gtest.h>

#include "src/crds/protos.h"

namespace k8sgw::crds {
namespace {

const google::protobuf::FieldDescriptor& Field(const char* message, const char* field) {
  return *CommentedProtos().FindMessageTypeByName(message)->FindFieldByName(field);
}

TEST(Describe, TakesTheCommentAndJoinsItsLines) {
  EXPECT_EQ(
      Describe(Field("gateway.solo.io.RouteTable", "weight")),
      "Place among the tables that one selector finds: lower weights come first. Default: 0. Routes of tables with "
      "equal weight are sorted by how specific they are.");
}

TEST(Describe, NamesTheFieldsThatExcludeThisOne) {
  EXPECT_EQ(Describe(Field("gloo.solo.io.RouteOptions", "host_rewrite")),
            "Replaces the host with this one. Not together with autoHostRewrite, hostRewritePathRegex, "
            "hostRewriteHeader.");
}

TEST(Describe, ListsTheValuesOfAnEnum) {
  EXPECT_EQ(Describe(Field("cors.options.gloo.solo.io.CorsPolicyMergeSettings", "expose_headers")),
            "How exposeHeaders is combined. Default: DEFAULT.\n"
            "- DEFAULT: The route's value, if it has one, in place of the virtual host's.\n"
            "- UNION: The values of both.");
  EXPECT_EQ(Describe(Field("dlp.options.gloo.solo.io.Config", "enabled_for")),
            "Where data is hidden. Default: RESPONSE_BODY. One of RESPONSE_BODY, ACCESS_LOGS, ALL.");
}

TEST(Describe, FallsBackToTheMessage) {
  EXPECT_EQ(Describe(Field("transformation.options.gloo.solo.io.Transformation", "header_body_transform")),
            "Wraps headers and body into one JSON object. Not together with transformationTemplate.");
}

TEST(Describe, SaysWhatIsDeprecated) {
  EXPECT_EQ(Describe(Field("gateway.solo.io.Gateway", "use_proxy_proto")),
            "Deprecated. Expects the PROXY protocol on every connection. Use options.proxyProtocol instead.");
}

}  // namespace
}  // namespace k8sgw::crds
