#include "src/xds/pushes.h"

#include <gmock/gmock.h>

namespace k8sgw::xds {
namespace {

using std::chrono_literals::operator""ms;
using testing::ElementsAre;
using testing::IsEmpty;

struct PushesTest : testing::Test {
  static Pushes::Time At(int ms) { return Pushes::Time() + std::chrono::milliseconds(ms); }
  void Begin(const std::vector<Pushes::Owed*>& behind, Pushes::Time now) { pushes.Begin(behind, now, on_end); }
  void Answer(Pushes::Owed& client, int ms) { pushes.Answered(client, At(ms), on_end); }
  void Leave(Pushes::Owed& client) { pushes.Left(client, on_end); }

  Pushes pushes;
  Pushes::Owed a, b;
  std::vector<int64_t> took;
  const Pushes::OnEnd on_end = [this](std::chrono::nanoseconds time) { took.push_back(time / 1ms); };
};

TEST_F(PushesTest, EndsWithTheLastAnswer) {
  Begin({&a, &b}, At(100));
  Answer(a, 110);
  EXPECT_THAT(took, IsEmpty());
  Answer(b, 150);
  EXPECT_THAT(took, ElementsAre(50));
  Answer(b, 170);
  EXPECT_THAT(took, ElementsAre(50)) << "who owes nothing ends nothing";
}

TEST_F(PushesTest, NobodyIsBehind) {
  Begin({}, At(100));
  Begin({&a}, At(200));
  Answer(a, 201);
  EXPECT_THAT(took, ElementsAre(1));
}

TEST_F(PushesTest, WhoWasQuickerThanTheNextChangeDoesNotHoldTheFirstUp) {
  Begin({&a, &b}, At(0));
  Answer(a, 10);
  Begin({&a, &b}, At(20));
  Answer(a, 30);
  EXPECT_THAT(took, IsEmpty());
  Answer(b, 90);
  EXPECT_THAT(took, ElementsAre(90, 70)) << "b answers both at once, as it skips the state in between";
  Begin({&a, &b}, At(100));
  Answer(b, 101);
  Begin({&a}, At(102));
  Answer(a, 105);
  EXPECT_THAT(took, ElementsAre(90, 70, 5, 3));
}

TEST_F(PushesTest, WhoLeavesIsNotWaitedFor) {
  Begin({&a, &b}, At(0));
  Answer(a, 10);
  Leave(b);
  EXPECT_THAT(took, ElementsAre(10)) << "not the time until it left";
  Begin({&a}, At(20));
  Leave(a);
  EXPECT_THAT(took, ElementsAre(10)) << "nobody has answered";
}

TEST_F(PushesTest, AClientThatNeverAnswersCostsBoundedMemory) {
  for (int i = 0; i < 10'000; ++i) {
    Begin({&a, &b}, At(i));
    Answer(b, i);
  }
  Answer(a, 10'000);
  EXPECT_EQ(took.size(), 64u);
  EXPECT_EQ(took.front(), 10'000);
  Begin({&b}, At(20'000));
  Answer(b, 20'001);
  EXPECT_EQ(took.back(), 1) << "and nothing of it is left";
}

TEST_F(PushesTest, AClientThatNeverAnswersHidesNobodyForLongerThanAMinute) {
  Begin({&a, &b}, At(0));
  Answer(b, 10);
  Begin({&a, &b}, At(61'000));
  EXPECT_THAT(took, ElementsAre(61'000)) << "it has not ended, and takes a minute at least";
  Answer(b, 61'005);
  EXPECT_THAT(took, ElementsAre(61'000)) << "the client owes the second one, too";
  Answer(a, 61'020);
  EXPECT_THAT(took, ElementsAre(61'000, 20));
  Begin({&b}, At(61'100));
  Answer(b, 61'101);
  EXPECT_EQ(took.back(), 1) << "nothing is left of it";
}

}  // namespace
}  // namespace k8sgw::xds
