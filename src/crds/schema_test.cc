#include "src/crds/schema.h"

#include <gtest/gtest.h>

#include "src/crds/protos.h"

namespace k8sgw::crds {
namespace {

using yaml::Node;

Node Schema(const char* message, bool open = false) {
  return SchemaOf(*CommentedProtos().FindMessageTypeByName(message), {.descriptions = false, .open = open});
}

// As JSON, without a single space.
std::string Json(const Node& node) {
  std::string text = yaml::EmitJson(node, 0);
  std::erase(text, ' ');
  return text;
}

// The schema of one field.
std::string Field(const char* message, const char* field, bool open = false) {
  const Node schema = Schema(message, open);
  const Node* found = schema.Find("properties")->Find(field);
  return found ? Json(*found) : "no such field";
}

TEST(Schema, Scalars) {
  EXPECT_EQ(Field("gateway.solo.io.Gateway", "ssl"), R"({"type":"boolean"})");
  EXPECT_EQ(Field("gateway.solo.io.Gateway", "bindAddress"), R"({"type":"string"})");
  EXPECT_EQ(Field("gateway.solo.io.Gateway", "bindPort"), R"({"type":"integer","minimum":0,"maximum":4294967295})");
  EXPECT_EQ(Field("solo.io.envoy.type.v3.Int64Range", "start"),
            R"({"type":"integer","format":"int64","x-kubernetes-int-or-string":true})");
  EXPECT_EQ(Field("grpc_json.options.gloo.solo.io.GrpcJsonTranscoder", "protoDescriptorBin"),
            R"({"type":"string","format":"byte"})");
  EXPECT_EQ(Field("solo.io.envoy.type.Percent", "value"), R"({"type":"number"})");
  EXPECT_EQ(Field("dlp.options.gloo.solo.io.Config", "enabledFor"),
            R"({"type":"string","x-kubernetes-int-or-string":true})");
}

TEST(Schema, WellKnownMessages) {
  EXPECT_EQ(Field("gloo.solo.io.RouteOptions", "timeout"), R"({"type":"string"})");
  EXPECT_EQ(Field("gloo.solo.io.RouteOptions", "prefixRewrite"), R"({"type":"string","nullable":true})");
  EXPECT_EQ(Field("gateway.solo.io.RouteTable", "weight"), R"({"type":"integer","format":"int32","nullable":true})");
  EXPECT_EQ(
      Field("gloo.solo.io.RouteOptions", "envoyMetadata"),
      R"({"type":"object","additionalProperties":{"type":"object","x-kubernetes-preserve-unknown-fields":true}})");
  EXPECT_EQ(Field("ai.options.gloo.solo.io.FieldDefault", "value"), R"({"x-kubernetes-preserve-unknown-fields":true})");
}

TEST(Schema, ListsMapsAndMessages) {
  EXPECT_EQ(Field("gateway.solo.io.Gateway", "proxyNames"), R"({"type":"array","items":{"type":"string"}})");
  EXPECT_EQ(Field("gateway.solo.io.HttpGateway", "virtualServiceSelector"),
            R"({"type":"object","additionalProperties":{"type":"string"}})");
  EXPECT_EQ(Field("shadowing.options.gloo.solo.io.RouteShadowing", "upstream"),
            R"({"type":"object","properties":{"name":{"type":"string"},"namespace":{"type":"string"}}})");
}

TEST(Schema, MetadataOfObjectsIsTheApiServers) {
  EXPECT_EQ(Field("gateway.solo.io.VirtualService", "metadata"), "no such field");
}

TEST(Schema, MessagesThatContainThemselvesAreOpen) {
  // Published, everything below is kept; here its fields are explained, and everything is kept all the same.
  const std::string rule = Field("ratelimit.options.gloo.solo.io.ServiceSettings", "descriptors");
  EXPECT_TRUE(rule.starts_with(
      R"({"type":"array","items":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"key":)"))
      << rule;
  EXPECT_NE(rule.find(R"("requestsPerUnit":{"type":"integer","x-kubernetes-int-or-string":true)"), std::string::npos)
      << rule;
  EXPECT_NE(rule.find(R"("descriptors":{"type":"array","items":{"type":"object",)"
                      R"("x-kubernetes-preserve-unknown-fields":true},"nullable":true})"),
            std::string::npos)
      << rule;
}

TEST(Schema, AnOpenKindKeepsEverything) {
  const Node schema = Schema("ratelimit.api.solo.io.RateLimitConfigSpec", true);
  EXPECT_EQ(schema.FindScalar("x-kubernetes-preserve-unknown-fields"), "true");
  EXPECT_EQ(schema.Find("properties")->Find("raw")->FindScalar("x-kubernetes-preserve-unknown-fields"), "true");
}

TEST(Schema, RulesOfTheProtos) {
  EXPECT_EQ(Json(Schema("v1alpha1.gateway.gloo.solo.io.DirectResponseSpec")),
            R"({"type":"object","required":["status"],"properties":{)"
            R"("status":{"type":"integer","minimum":200,"maximum":599},"body":{"type":"string","maxLength":4096}}})");
  const Node parameters = Schema("v1alpha1.gateway.gloo.solo.io.GatewayParametersSpec");
  const char* const expected = R"x([{"rule":"[has(self.kube),has(self.selfManaged)].exists_one(given,given)",)x"
                               R"x("message":"giveeitherkubeorselfManaged"}])x";
  EXPECT_EQ(Json(*parameters.Find("x-kubernetes-validations")), expected);
}

}  // namespace
}  // namespace k8sgw::crds
