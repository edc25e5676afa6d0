#include "src/sources/kube/call_limit.h"

#include <gtest/gtest.h>

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;

constexpr CallLimit::Time At(int ms) { return CallLimit::Time(milliseconds(ms)); }

int CallsAt(CallLimit& limit, int ms) {
  int calls = 0;
  for (; limit.Ready(At(ms)); ++calls) limit.Take();
  return calls;
}

TEST(CallLimit, AllowsABurstThenTheRate) {
  CallLimit limit({.per_second = 10, .burst = 3});
  EXPECT_EQ(CallsAt(limit, 0), 3);
  EXPECT_EQ(limit.next(), At(100));
  EXPECT_EQ(CallsAt(limit, 99), 0);
  EXPECT_EQ(CallsAt(limit, 100), 1);
  EXPECT_EQ(CallsAt(limit, 100'000), 3) << "a rest saves up no more than the burst";
}

TEST(CallLimit, CanBeChangedAtAnyTime) {
  CallLimit limit({.per_second = 10, .burst = 3});
  limit.Set({.per_second = 1000, .burst = 1});
  EXPECT_EQ(CallsAt(limit, 0), 1);
  EXPECT_EQ(CallsAt(limit, 1), 1);
  limit.Set({.per_second = 1, .burst = 100});
  EXPECT_EQ(CallsAt(limit, 2), 0);
  EXPECT_EQ(limit.next(), At(1001));
}

TEST(CallLimit, ABurstBelowOneIsStillACall) {
  CallLimit limit({.per_second = 10, .burst = 0.5});
  EXPECT_EQ(CallsAt(limit, 0), 1);
}

}  // namespace
}  // namespace k8sgw::kube
