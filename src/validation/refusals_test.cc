#include "src/validation/refusals.h"

#include <gtest/gtest.h>

#include <set>

namespace k8sgw::validation {
namespace {

// Parts that are refused alone, and a pair that is refused together.
struct Judge {
  std::set<size_t> guilty = {};
  std::pair<size_t, size_t> pair{1, 0};
  int asked = 0;

  std::string operator()(size_t begin, size_t end) {
    ++asked;
    EXPECT_LT(begin, end);
    for (const size_t part : guilty) {
      if (part >= begin && part < end) return "part " + std::to_string(part);
    }
    const bool both = pair.first < pair.second && pair.first >= begin && pair.second < end;
    return both ? "they do not get along" : "";
  }
};

std::vector<size_t> Find(size_t count, Judge& judge) {
  std::vector<size_t> parts;
  for (const Refused& refused : FindRefused(count, std::ref(judge))) {
    EXPECT_EQ(refused.end, refused.begin + 1);
    EXPECT_EQ(refused.words, "part " + std::to_string(refused.begin));
    parts.push_back(refused.begin);
  }
  return parts;
}

TEST(FindRefused, AsksOnceWhenAllIsWell) {
  Judge judge;
  EXPECT_EQ(Find(1000, judge), std::vector<size_t>());
  EXPECT_EQ(judge.asked, 1);
}

TEST(FindRefused, OfNothingAsksNothing) {
  Judge judge;
  EXPECT_EQ(Find(0, judge), std::vector<size_t>());
  EXPECT_EQ(judge.asked, 0);
}

TEST(FindRefused, FindsEachPartInOrder) {
  for (size_t count = 1; count <= 17; ++count) {
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = a; b < count; ++b) {
        Judge judge{.guilty = {a, b}};
        EXPECT_EQ(Find(count, judge), std::vector<size_t>(judge.guilty.begin(), judge.guilty.end()));
      }
    }
  }
}

TEST(FindRefused, AsksFewTimes) {
  Judge judge{.guilty = {700}};
  EXPECT_EQ(Find(1000, judge), std::vector<size_t>{700});
  EXPECT_LE(judge.asked, 21);
}

TEST(FindRefused, PartsThatAreRefusedTogetherAreOneRange) {
  Judge judge;
  judge.pair = {3, 4};
  const std::vector<Refused> found = FindRefused(8, std::ref(judge));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_LE(found[0].begin, 3u);
  EXPECT_GE(found[0].end, 5u);
  EXPECT_EQ(found[0].words, "they do not get along");
}

}  // namespace
}  // namespace k8sgw::validation
