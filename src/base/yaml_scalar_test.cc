#include "src/base/yaml_scalar.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/yaml.h"

namespace k8sgw::yaml {
namespace {

// What kubectl makes of `a: <text>`; JSON has no infinity, so those two are protobuf's words here.
struct Case {
  std::string_view text;
  std::string_view json;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

class PlainScalar : public testing::TestWithParam<Case> {};

TEST_P(PlainScalar, MeansWhatItMeansToKubectl) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = GetParam().text;
  EXPECT_EQ(EmitJson(node, 0), GetParam().json);
}

constexpr Case kBooleans[] = {{"y", "true"},    {"Y", "true"},        {"n", "false"},        {"N", "false"},
                              {"yes", "true"},  {"Yes", "true"},      {"YES", "true"},       {"yEs", "\"yEs\""},
                              {"on", "true"},   {"Off", "false"},     {"No", "false"},       {"true", "true"},
                              {"TRUE", "true"}, {"tRUE", "\"tRUE\""}, {"trues", "\"trues\""}};
INSTANTIATE_TEST_SUITE_P(Booleans, PlainScalar, testing::ValuesIn(kBooleans));

constexpr Case kIntegers[] = {
    {"0", "0"},
    {"-0", "-0"},
    {"+5", "5"},
    {"0777", "511"},
    {"-0777", "-511"},
    {"08", "8"},
    {"00", "0"},
    {"0_7", "7"},
    {"0o17", "15"},
    {"0O17", "15"},
    {"0o8", "\"0o8\""},
    {"0b11", "3"},
    {"-0b11", "-3"},
    {"0b12", "\"0b12\""},
    {"0x1F", "31"},
    {"-0x1f", "-31"},
    {"0xG", "\"0xG\""},
    {"0x", "\"0x\""},
    {"0x1ffffffffffffffff", "\"0x1ffffffffffffffff\""},
    {"1_000", "1000"},
    {"1_", "1"},
    {"_1", "\"_1\""},
    {"1,000", "\"1,000\""},
    {"18446744073709551615", "18446744073709551615"},
    {"99999999999999999999999", "99999999999999999999999"},
};
INSTANTIATE_TEST_SUITE_P(Integers, PlainScalar, testing::ValuesIn(kIntegers));

constexpr Case kFloats[] = {
    {"1.5", "1.5"},
    {".5", "0.5"},
    {"-.5", "-0.5"},
    {"+.5", "0.5"},
    {"1.", "1"},
    {"1.e3", "1000"},
    {"1E3", "1E3"},
    {"1.5E+3", "1.5E+3"},
    {"09.5", "9.5"},
    {"1_0.5", "10.5"},
    {"1e", "\"1e\""},
    {"1e+", "\"1e+\""},
    {".e3", "\".e3\""},
    {"1e309", "\"1e309\""},
    {"-1e309", "\"-1e309\""},
    {"1_0e-400", "0"},
    {".inf", "\"Infinity\""},
    {"+.Inf", "\"Infinity\""},
    {"-.INF", "\"-Infinity\""},
    {".iNf", "\".iNf\""},
    {".nan", "\"NaN\""},
    {".NaN", "\"NaN\""},
    {"-.nan", "\"-.nan\""},
    {"0x1p4", "\"0x1p4\""},
};
INSTANTIATE_TEST_SUITE_P(Floats, PlainScalar, testing::ValuesIn(kFloats));

constexpr Case kTexts[] = {{"1:30", "\"1:30\""},
                           {"2001-01-01", "\"2001-01-01\""},
                           {"10.0.0.1", "\"10.0.0.1\""},
                           {"NaN", "\"NaN\""},
                           {"inf", "\"inf\""},
                           {"=", "\"=\""},
                           {"+", "\"+\""},
                           {"..", "\"..\""},
                           {"1s", "\"1s\""}};
INSTANTIATE_TEST_SUITE_P(Texts, PlainScalar, testing::ValuesIn(kTexts));

TEST(YamlScalar, Null) {
  for (std::string_view text : {"", "~", "null", "Null", "NULL"})
    EXPECT_EQ(ClassifyPlain(text), ScalarType::kNull) << text;
  EXPECT_EQ(ClassifyPlain("nULL"), ScalarType::kString);
}

TEST(YamlScalar, IntegersFitIntoSignAndMagnitude) {
  const auto integer = ParseInteger("-9223372036854775808");
  ASSERT_TRUE(integer);
  EXPECT_TRUE(integer->negative);
  EXPECT_EQ(integer->magnitude, 9223372036854775808ull);
  EXPECT_EQ(ParseInteger("1e3")->magnitude, 1000u);
  EXPECT_EQ(ParseInteger("3.0")->magnitude, 3u);
  for (std::string_view text : {"3.5", "1e17", "18446744073709551616", "", "-", "0x", "1 ", "abc"}) {
    EXPECT_FALSE(ParseInteger(text)) << text;
  }
}

TEST(YamlScalar, EveryNumberHasAValue) {
  EXPECT_EQ(ParseNumber("18446744073709551616"), 18446744073709551616.0);
  EXPECT_EQ(ParseNumber("0777"), 511);
  EXPECT_EQ(ParseNumber("1e-400"), 0);
  EXPECT_TRUE(std::isnan(*ParseNumber(".nan")));
  EXPECT_EQ(ParseNumber("-.inf"), -HUGE_VAL);
  EXPECT_FALSE(ParseNumber("1e309"));
  EXPECT_FALSE(ParseNumber("true"));
}

TEST(YamlScalar, WhatOtherReadersResolveLooksTyped) {
  for (std::string_view text : {"<<", "=", "y", "No", "2001-01-01", "12:30:45", "0x1", "~", "1e3"}) {
    EXPECT_TRUE(LooksTyped(text)) << text;
  }
  for (std::string_view text : {"a", "yo", "10.0.0.1", "2001-abc", "1s", "-x"}) EXPECT_FALSE(LooksTyped(text)) << text;
}

}  // namespace
}  // namespace k8sgw::yaml
