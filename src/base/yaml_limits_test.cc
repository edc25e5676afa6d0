// Hostile files: what they may cost is bounded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "src/base/text.h"
#include "src/base/yaml.h"

namespace k8sgw::yaml {
namespace {

using testing::HasSubstr;

std::string Repeat(std::string_view part, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += part;
  return out;
}

std::string ErrorOf(const std::string& text) {
  const Stream stream = Parse(text);
  return stream.ok ? "" : stream.error.message;
}

TEST(YamlLimits, Depth) {
  EXPECT_EQ(ErrorOf(Repeat("[", kMaxDepth) + Repeat("]", kMaxDepth)), "");
  EXPECT_EQ(ErrorOf(Repeat("[", kMaxDepth + 1) + Repeat("]", kMaxDepth + 1)),
            Cat("nested deeper than ", kMaxDepth, " levels"));
  EXPECT_EQ(ErrorOf(Repeat("{a: ", 100'000)), Cat("nested deeper than ", kMaxDepth, " levels"));
  EXPECT_EQ(ErrorOf(Repeat("- ", 100'000)), Cat("nested deeper than ", kMaxDepth, " levels"));
}

TEST(YamlLimits, AliasesDoNotAddDepth) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i <= kMaxDepth; ++i) text += Cat("a", i, ": &a", i, " [*a", i - 1, "]\n");
  EXPECT_THAT(ErrorOf(text), HasSubstr("aliases nest deeper than"));
}

TEST(YamlLimits, BillionLaughs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) text += Cat("a", i, ": &a", i, " [", Repeat(Cat("*a", i - 1, ", "), 10), "]\n");
  EXPECT_THAT(ErrorOf(text), HasSubstr("aliases expand to more than"));
}

TEST(YamlLimits, AliasesOfLongText) {
  const std::string text = Cat("a: &a ", Repeat("0123456789abcdef", 65'536), "\nb:\n", Repeat("- *a\n", 20));
  EXPECT_THAT(ErrorOf(text), HasSubstr("aliases expand to more than"));
}

TEST(YamlLimits, AnchorsAroundAnchors) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += Cat("&a", i, " [");
  text += Cat("'", Repeat("0123456789abcdef", 65'536), "'", Repeat("]", 150));
  EXPECT_THAT(ErrorOf(text), HasSubstr("anchors hold more than"));
}

TEST(YamlLimits, MergesOfLargeMapsAreQuick) {
  std::string base;
  std::string own;
  for (int i = 0; i < 90'000; ++i) {
    base += Cat("  b", i, ":\n");
    own += Cat("  o", i, ":\n");
  }
  const auto start = std::chrono::steady_clock::now();
  const Stream stream = Parse(Cat("x: &x\n", base, "y:\n  <<: *x\n", own));
  ASSERT_TRUE(stream.ok) << stream.error.message;
  EXPECT_EQ(stream.documents[0].Find("y")->entries.size(), 180'000u);
  // Comparing each key with each takes more than a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(YamlLimits, HugeScalarsAreKept) {
  const std::string text = Repeat("0123456789abcdef", 131'072);
  const Stream stream = Parse(Cat("a: ", text, "\nb: \"", text, "\"\n"));
  ASSERT_TRUE(stream.ok) << stream.error.message;
  EXPECT_EQ(stream.documents[0].FindScalar("a"), text);
  EXPECT_EQ(stream.documents[0].FindScalar("b"), text);
}

TEST(YamlLimits, ManyDocuments) {
  const Stream stream = Parse(Repeat("--- {a: 1}\n", 20'000));
  ASSERT_TRUE(stream.ok) << stream.error.message;
  EXPECT_EQ(stream.documents.size(), 20'000u);
}

TEST(YamlLimits, DuplicatesAreFoundInLargeMaps) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += Cat("k", i, ": 1\n");
  EXPECT_EQ(ErrorOf(text), "");
  EXPECT_EQ(ErrorOf(text + "k500: 2\n"), "key \"k500\" is given twice, first in line 501: keep one of them");
}

// A file that is cut anywhere is either read or refused with a place inside of it.
TEST(YamlLimits, EveryCutOfAFileIsHandled) {
  const std::string text =
      "a: &x {b: [1, \"t\\u00e9\", 'u'], <<: {k: v}}\nc: |\n  text\nd: *x # end\n---\n- - ? q\n    : r\n";
  ASSERT_TRUE(Parse(text).ok) << Parse(text).error.message;
  for (size_t size = 0; size < text.size(); ++size) {
    const Stream stream = Parse(text.substr(0, size));
    if (stream.ok) continue;
    EXPECT_GE(stream.error.mark.line, 1u) << size;
    EXPECT_LE(stream.error.mark.line, 8u) << size;
    EXPECT_NE(stream.error.message, "") << size;
  }
}

}  // namespace
}  // namespace k8sgw::yaml
