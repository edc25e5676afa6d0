#include "src/model/label_selector.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

struct Case {
  Requirement requirement;
  Labels labels;
  bool matches;
};

TEST(LabelSelector, MatchesByTheRulesOfKubernetes) {
  const Labels none;
  const Labels a1 = {{"a", "1"}};
  const Labels a2 = {{"a", "2"}};
  const Labels a10 = {{"a", "10"}};
  const Labels word = {{"a", "x"}};
  const Case cases[] = {
      {{"a", Operator::kEquals, {"1"}}, a1, true},
      {{"a", Operator::kEquals, {"1"}}, a2, false},
      {{"a", Operator::kEquals, {"1"}}, none, false},
      {{"a", Operator::kDoubleEquals, {"1"}}, a1, true},
      {{"a", Operator::kDoubleEquals, {"1"}}, a2, false},
      {{"a", Operator::kNotEquals, {"1"}}, a1, false},
      {{"a", Operator::kNotEquals, {"1"}}, a2, true},
      {{"a", Operator::kNotEquals, {"1"}}, none, true},
      {{"a", Operator::kIn, {"1", "2"}}, a2, true},
      {{"a", Operator::kIn, {"1", "2"}}, a10, false},
      {{"a", Operator::kIn, {"1"}}, none, false},
      {{"a", Operator::kNotIn, {"1", "2"}}, a2, false},
      {{"a", Operator::kNotIn, {"1", "2"}}, a10, true},
      {{"a", Operator::kNotIn, {"1"}}, none, true},
      {{"a", Operator::kExists, {}}, a1, true},
      {{"a", Operator::kExists, {}}, none, false},
      {{"a", Operator::kDoesNotExist, {}}, a1, false},
      {{"a", Operator::kDoesNotExist, {}}, none, true},
      {{"a", Operator::kGreaterThan, {"9"}}, a10, true},
      {{"a", Operator::kGreaterThan, {"10"}}, a10, false},
      {{"a", Operator::kLessThan, {"9"}}, a2, true},
      {{"a", Operator::kLessThan, {"2"}}, a2, false},
      {{"a", Operator::kGreaterThan, {"9"}}, word, false},
      {{"a", Operator::kLessThan, {"9"}}, none, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(CheckRequirement(c.requirement), "");
    EXPECT_EQ(Matches(c.requirement, c.labels), c.matches)
        << "operator " << static_cast<int>(c.requirement.op) << " on " << (c.labels.empty() ? "-" : c.labels.at("a"));
  }
}

TEST(LabelSelector, RefusesWhatMakesNoSense) {
  const Requirement bad[] = {
      {"", Operator::kExists, {}},
      {"-a", Operator::kExists, {}},
      {"a b", Operator::kExists, {}},
      {"/a", Operator::kExists, {}},
      {"pre_fix/a", Operator::kExists, {}},
      {std::string(64, 'a'), Operator::kExists, {}},
      {"a", Operator::kEquals, {}},
      {"a", Operator::kEquals, {"1", "2"}},
      {"a", Operator::kNotEquals, {}},
      {"a", Operator::kIn, {}},
      {"a", Operator::kNotIn, {}},
      {"a", Operator::kExists, {"1"}},
      {"a", Operator::kDoesNotExist, {"1"}},
      {"a", Operator::kGreaterThan, {"x"}},
      {"a", Operator::kLessThan, {}},
      {"a", Operator::kIn, {"a b"}},
      {"a", Operator::kIn, {std::string(64, 'a')}},
      {"a", static_cast<Operator>(9), {"1"}},
  };
  for (const Requirement& requirement : bad) {
    EXPECT_NE(CheckRequirement(requirement), "") << requirement.key << " " << static_cast<int>(requirement.op);
  }
  EXPECT_EQ(CheckRequirement({"example.com/a_b.c", Operator::kIn, {"", "x-y"}}), "");
}

TEST(LabelSelector, HasLabelsNeedsEach) {
  EXPECT_TRUE(HasLabels({{"a", "1"}, {"b", "2"}}, {{"a", "1"}}));
  EXPECT_TRUE(HasLabels({}, {}));
  EXPECT_FALSE(HasLabels({{"a", "1"}}, {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(HasLabels({{"a", "2"}}, {{"a", "1"}}));
}

}  // namespace
}  // namespace k8sgw
