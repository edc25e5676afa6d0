#include "src/crds/shorten.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "src/base/text.h"

namespace k8sgw::crds {
namespace {

using yaml::Node;

constexpr char kWords[] = "Says at length what it is for and nobody needs to read it at every path once more";

Node Parse(const std::string& text) {
  const yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return stream.documents.at(0);
}

// A message whose one field is `inner`.
std::string Message(std::string_view description, std::string_view inner) {
  return Cat("{description: ", description, ", type: object, properties: {", inner, "}}");
}

std::string BackOff() {
  return Cat("{description: Waits, type: object, properties: {base: {description: ", kWords, ", type: string}}}");
}

std::string Retries(std::string_view description) {
  return Cat("{description: ", description,
             ", type: array, items: {type: object, properties: {count: {description: ", kWords,
             ", type: string}, backOff: ", BackOff(), "}}}");
}

// The same message at three paths of different depths, the deepest of which comes first.
Node Schema() {
  return Parse(Cat("{type: object, properties: {spec: {type: object, properties: {",
                   "deep: ", Message("Deep.", Cat("deeper: ", Message("Deeper.", Cat("retries: ", Retries("Third."))))),
                   ", host: ", Message("Host.", Cat("retries: ", Retries("Second."))),  //
                   ", retries: ", Retries("First."), "}}}}"));
}

const Node& At(const Node& schema, std::string_view path) {
  const Node* node = &schema;
  for (; node->Find("items"); node = node->Find("items")) continue;
  if (path.empty()) return *node;
  const size_t end = path.find('.');
  return At(*node->Find("properties")->Find(path.substr(0, end)),
            end == std::string_view::npos ? "" : path.substr(end + 1));
}

std::string TextAt(const Node& schema, std::string_view path) {
  // Of a list the field has it, not what it is a list of.
  const size_t end = path.rfind('.');
  return std::string(
      At(schema, path.substr(0, end)).Find("properties")->Find(path.substr(end + 1))->FindScalar("description"));
}

TEST(Shorten, CountsWhatKubectlWrites) {
  const Node definition =
      Parse(R"({metadata: {name: "a"}, text: "x<y & \"z\"\n", list: [1, true, null, word], no: {}})");
  constexpr std::string_view kWritten =
      R"({"list":[1,true,null,"word"],"metadata":{"annotations":{},"name":"a"},"no":{},)"
      R"("text":"x\u003cy \u0026 \"z\"\n"})";
  EXPECT_EQ(AppliedSize(definition), kWritten.size() + 1);
}

TEST(Shorten, TheDeepestRepeatGoesFirst) {
  Node schema = Schema();
  const size_t whole = AppliedSize(schema);
  Shorten(schema, 10);
  EXPECT_LE(AppliedSize(schema), whole - 10);
  EXPECT_EQ(TextAt(schema, "spec.deep.deeper.retries"), "Third.");
  EXPECT_EQ(TextAt(schema, "spec.deep.deeper.retries.backOff"), "Waits Fields as in spec.retries.backOff.");
  EXPECT_EQ(TextAt(schema, "spec.deep.deeper.retries.backOff.base"), "");
  for (const char* kept : {"spec.deep.deeper.retries.count", "spec.host.retries.backOff.base", "spec.retries.count"}) {
    EXPECT_EQ(TextAt(schema, kept), kWords) << kept;
  }
}

TEST(Shorten, ThenThoseAroundIt) {
  Node schema = Schema();
  Shorten(schema, 1 << 20);
  for (const char* path : {"spec.deep.deeper.retries", "spec.host.retries"}) {
    EXPECT_TRUE(TextAt(schema, path).ends_with(" Fields as in spec.retries.")) << path;
    for (const char* field : {".count", ".backOff", ".backOff.base"}) {
      EXPECT_EQ(TextAt(schema, Cat(path, field)), "") << path << field;
    }
  }
  for (const char* kept : {"spec.retries.count", "spec.retries.backOff.base"}) {
    EXPECT_EQ(TextAt(schema, kept), kWords) << kept;
  }
  EXPECT_EQ(TextAt(schema, "spec.retries"), "First.");
  EXPECT_EQ(TextAt(schema, "spec.deep.deeper"), "Deeper.");
}

TEST(Shorten, SavesJustWhatIsNotThereAnyMore) {
  const size_t whole = AppliedSize(Schema());
  Node all = Schema();
  Shorten(all, 1 << 20);
  const size_t most = whole - AppliedSize(all);
  for (size_t excess = 0; excess <= most; ++excess) {
    Node schema = Schema();
    Shorten(schema, excess);
    ASSERT_LE(AppliedSize(schema) + excess, whole) << excess;
  }
}

TEST(Shorten, ATextThatIsShorterThanTheHintStays) {
  const std::string reference = Message("Where it is", "name: {description: Its name, type: string}");
  const std::string text = Cat("{properties: {secretReference: ", reference, ", other: ", reference, "}}");
  Node schema = Parse(text);
  Shorten(schema, 1 << 20);
  EXPECT_EQ(yaml::Emit(schema), yaml::Emit(Parse(text)));
}

}  // namespace
}  // namespace k8sgw::crds
