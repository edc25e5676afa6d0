#include <gtest/gtest.h>

#include <random>

#include "src/base/yaml.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw::yaml {
namespace {

Node Text(std::string text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = std::move(text);
  return node;
}

// Equal but for places, and for quotes around what is text anyway.
bool Same(const Node& a, const Node& b) {
  const auto is_text = [](const Node& n) { return n.quoted || ClassifyPlain(n.scalar) == ScalarType::kString; };
  if (a.kind != b.kind || a.items.size() != b.items.size() || a.entries.size() != b.entries.size()) return false;
  if (a.is_scalar() && (a.scalar != b.scalar || is_text(a) != is_text(b))) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!Same(a.items[i], b.items[i])) return false;
  }
  for (size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].key != b.entries[i].key || !Same(a.entries[i].value, b.entries[i].value)) return false;
  }
  return true;
}

void ExpectRoundTrip(const Node& node) {
  for (const std::string& text : {Emit(node), EmitJson(node), EmitJson(node, 0)}) {
    const Stream stream = Parse(text);
    ASSERT_TRUE(stream.ok) << text << "\n" << stream.error.message;
    if (node.is_null()) {
      EXPECT_TRUE(stream.documents.empty()) << text;
      continue;
    }
    ASSERT_EQ(stream.documents.size(), 1u) << text;
    EXPECT_TRUE(Same(stream.documents[0], node)) << text;
  }
}

TEST(YamlEmit, TextStaysTextWhateverItLooksLike) {
  const std::string nul("a\0b", 3);
  for (const std::string& text : {std::string(),
                                  nul,
                                  std::string("yes"),
                                  std::string("1"),
                                  std::string("~"),
                                  std::string("null"),
                                  std::string("1e3"),
                                  std::string("0777"),
                                  std::string("<<"),
                                  std::string("="),
                                  std::string("2001-01-01"),
                                  std::string("1:30"),
                                  std::string("- a"),
                                  std::string("---"),
                                  std::string("..."),
                                  std::string("... a"),
                                  std::string("--- a"),
                                  std::string("? a"),
                                  std::string("a: b"),
                                  std::string("a:"),
                                  std::string("a #b"),
                                  std::string("#a"),
                                  std::string("[a"),
                                  std::string("{{ x }}"),
                                  std::string("&a"),
                                  std::string("*a"),
                                  std::string("!a"),
                                  std::string("|"),
                                  std::string("%a"),
                                  std::string("@a"),
                                  std::string("`a"),
                                  std::string("'a'"),
                                  std::string("\"a\""),
                                  std::string(" a"),
                                  std::string("a "),
                                  std::string("a\nb"),
                                  std::string("a\r\nb\t"),
                                  std::string("\x01\x7f"),
                                  std::string("é😀"),
                                  std::string("a\xC2\x85"
                                              "b"),
                                  std::string("a\xE2\x80\xA8"
                                              "b"),
                                  std::string("\xEF\xBB\xBF"
                                              "a"),
                                  std::string("\xEF\xBF\xBE"),
                                  std::string("\xC2\x9F"),
                                  std::string("\\u0041"),
                                  std::string("/a/b?c=d"),
                                  std::string("*")}) {
    ExpectRoundTrip(Text(text));
    Node mapping;
    mapping.kind = Node::Kind::kMapping;
    mapping.entries.push_back({text, {}, Text(text)});
    ExpectRoundTrip(mapping);
  }
}

TEST(YamlEmit, BytesThatAreNoTextBecomeReplacements) {
  EXPECT_EQ(EmitJson(Text("a\xFF\xC3"), 0), "\"a\\ufffd\\ufffd\"");
  EXPECT_EQ(Emit(Text("a\xFF")), "\"a\\ufffd\"\n");
}

TEST(YamlEmit, LongKeys) {
  Node mapping;
  mapping.kind = Node::Kind::kMapping;
  for (const size_t size : {900, 1100, 5000}) {
    Node value;
    value.kind = Node::Kind::kSequence;
    value.items = {Text("x"), mapping};
    mapping.entries.push_back({std::string(size, 'k'), {}, std::move(value)});
  }
  const Stream stream = Parse(Emit(mapping));
  ASSERT_TRUE(stream.ok) << stream.error.message;
  EXPECT_TRUE(Same(stream.documents.at(0), mapping));
}

TEST(YamlEmit, Shape) {
  const Stream stream = Parse(R"({"b": [1, {"c": "x", "d": [[], {}, [2]]}], "a": {"e": null}, "f": "yes", "g": yes})");
  EXPECT_EQ(Emit(stream.documents.at(0)), R"(b:
- 1
- c: x
  d:
  - []
  - {}
  - - 2
a:
  e: null
f: "yes"
g: yes
)");
}

Node RandomNode(std::mt19937& random, int depth) {
  static const std::string kTexts[] = {"", "a", "yes", "1", "a: b", "- x", "\n", " lead", "é", "#", "0x1F", "..."};
  Node node;
  const auto pick = random() % (depth > 4 ? 2 : 4);
  if (pick == 0) {
    node.kind = Node::Kind::kScalar;
    node.scalar = std::to_string(random() % 100);
  } else if (pick == 1) {
    node = Text(kTexts[random() % std::size(kTexts)]);
  } else {
    node.kind = pick == 2 ? Node::Kind::kSequence : Node::Kind::kMapping;
    for (auto i = random() % 4; i > 0; --i) {
      Node child = RandomNode(random, depth + 1);
      if (pick == 2) {
        node.items.push_back(std::move(child));
      } else {
        node.entries.push_back({kTexts[random() % std::size(kTexts)] + std::to_string(i), {}, std::move(child)});
      }
    }
  }
  return node;
}

TEST(YamlEmit, RandomTreesRoundTrip) {
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) ExpectRoundTrip(RandomNode(random, 0));
}

}  // namespace
}  // namespace k8sgw::yaml
