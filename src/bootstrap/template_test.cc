#include "src/bootstrap/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::bootstrap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PodInfo Pod() {
  PodInfo pod;
  pod.fields = {{"PodName", "gateway-proxy-1"}, {"PodNamespace", "gloo-system"}};
  pod.labels = {{"app", "shop"}, {"}}", "braces"}};
  pod.annotations = {{"note", "say \"hi\""}, {"evil", "a\nadmin: {}"}};
  return pod;
}

std::string Text(std::string_view text) {
  const auto filled = Fill(text, Pod());
  return filled.ok() ? filled->text : std::string(filled.status().message());
}

TEST(Template, FieldsAndMapsAreFilledIn) {
  EXPECT_EQ(Text("id: {{.PodName}}.{{ .PodNamespace }}\n"), "id: gateway-proxy-1.gloo-system\n");
  EXPECT_EQ(Text("a: {{index .PodLabels \"app\"}}"), "a: shop");
  EXPECT_EQ(Text("a: {{ index  .PodLabels `app` }}"), "a: shop");
  EXPECT_EQ(Text("a: {{index .PodLabels \"\\x61pp\"}}"), "a: shop");
  EXPECT_EQ(Text("a: {{index .PodLabels \"}}\"}}"), "a: braces");
  EXPECT_EQ(Text("a: '{{index .PodAnnotations \"note\"}}'"), "a: 'say \"hi\"'");
}

TEST(Template, TextWithoutActionsStaysByteForByte) {
  for (const std::string_view text : {"", "a: {b: {c: 1}}\r\n", "%REQ(:path)% { {\n", "}}"}) {
    EXPECT_EQ(Text(text), text);
  }
}

TEST(Template, WhatIsFilledInIsNotATemplate) {
  PodInfo pod;
  pod.fields = {{"PodName", "{{.NodeName}}"}};
  EXPECT_EQ(Fill("{{.PodName}}", pod)->text, "{{.NodeName}}");
}

TEST(Template, WhatIsNotKnownIsEmptyAndTold) {
  const auto filled = Fill("a:\nb: x{{.NodeIp}}\nc: y{{index .PodLabels \"z\"}}", Pod());
  ASSERT_TRUE(filled.ok());
  EXPECT_EQ(filled->text, "a:\nb: x\nc: y");
  EXPECT_THAT(filled->notices,
              ElementsAre("line 2: {{.NodeIp}}: NODE_IP is not set: it is left empty",
                          "line 3: {{index .PodLabels \"z\"}}: the pod has no label z: it is left empty"));
}

TEST(Template, AnythingElseIsRefusedWithItsLine) {
  for (const std::string_view action :
       {"{{if .PodName}}", "{{ range .PodLabels }}", "{{- .PodName }}", "{{.PodName | quote}}", "{{.PodLabels}}",
        "{{.Values.x}}", "{{}}", "{{/* note */}}", "{{index .PodLabels}}", "{{index .PodLabels app}}",
        "{{index .PodName \"app\"}}", "{{index .PodLabels \"a\" \"b\"}}", "{{index.PodLabels \"a\"}}", "{{.podName}}",
        "{{\"{{\"}}"}) {
    EXPECT_THAT(Text("a: 1\nb: {{.PodName}}\nc: " + std::string(action)), HasSubstr("line 3: \"")) << action;
    EXPECT_THAT(Text(action), HasSubstr("is not understood: only {{.Field}}")) << action;
  }
}

TEST(Template, AnActionThatDoesNotEndIsRefused) {
  EXPECT_THAT(Text("a: 1\nb: {{.PodName"), HasSubstr("line 2: there is no }} for \"{{.PodName\""));
  EXPECT_THAT(Text("b: {{index .PodLabels \"}}"), HasSubstr("line 1: "));
}

TEST(Template, AValueWritesNoLinesOfItsOwn) {
  EXPECT_THAT(Text("\n\na: {{index .PodAnnotations \"evil\"}}"), HasSubstr("line 3: the value of"));
}

TEST(PodInfo, FilesOfTheDownwardApi) {
  const auto labels = ParsePodFile("app=\"shop\"\nnote=\"a\\n\\\"b\\\" \\u00e9\\x21\"\nempty=\"\"\n");
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_THAT(*labels, ElementsAre(testing::Pair("app", "shop"), testing::Pair("empty", ""),
                                   testing::Pair("note", "a\n\"b\" \xc3\xa9!")));
  EXPECT_TRUE(ParsePodFile("")->empty());
  for (const char* bad : {"app", "app=", "app=\"", "app=x", "app=\"a\" b", "app=\"\\q\"", "app=\"\\ud800\"",
                          "app=\"\\777\"", "app=\"\\", "app=\"\\x4"}) {
    EXPECT_THAT(std::string(ParsePodFile(std::string("a=\"b\"\n") + bad).status().message()), HasSubstr("line 2"))
        << bad;
  }
}

}  // namespace
}  // namespace k8sgw::bootstrap
