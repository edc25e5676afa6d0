#include "src/http/connections.h"

#include <gmock/gmock.h>

namespace k8sgw::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConnectionsTest : public ::testing::Test {
 protected:
  void Idle(Connections::Id id) {
    connections.Open(id, now);
    connections.OnBytes(id, 10, now);
    connections.OnRequest(id);
    connections.OnAnswer(id, now);
  }

  Counters counters;
  Connections connections{{.most = 3, .request_time = seconds(10), .patience = seconds(1), .request_bytes = 100},
                          counters};
  Connections::Time now{seconds(1000)};
};

TEST_F(ConnectionsTest, SlowRequestsAreCutOff) {
  connections.Open(1, now);
  Idle(2);
  connections.Open(3, now);
  connections.OnBytes(3, 1, now);
  connections.OnRequest(3);
  now += seconds(9);
  // A byte now and then does not help.
  EXPECT_TRUE(connections.OnBytes(1, 1, now));
  EXPECT_THAT(connections.TakeLate(now), IsEmpty());
  EXPECT_TRUE(connections.OnBytes(2, 1, now));
  now += seconds(1);
  EXPECT_THAT(connections.TakeLate(now), ElementsAre(1));
  EXPECT_THAT(connections.TakeLate(now), IsEmpty()) << "each is told once";
  now += seconds(9);
  EXPECT_THAT(connections.TakeLate(now), ElementsAre(2)) << "3 waits for us";
}

TEST_F(ConnectionsTest, WhoWaitsLongestGoesFirst) {
  Idle(1);
  now += seconds(1);
  Idle(2);
  connections.Open(3, now);
  EXPECT_FALSE(connections.Full(now));
  EXPECT_EQ(connections.Open(4, now), 1u);
  connections.Close(1);
  EXPECT_TRUE(connections.Full(now)) << "2 may be about to ask again";
  now += milliseconds(999);
  EXPECT_TRUE(connections.Full(now));
  now += milliseconds(1);
  EXPECT_FALSE(connections.Full(now));
  EXPECT_EQ(connections.Open(5, now), 2u);
  EXPECT_EQ(counters.cut_off, 2u);
}

// Else a few clients that never finish would keep everybody out.
TEST_F(ConnectionsTest, WhoIsSlowMakesRoomButWhoIsAtWorkDoesNot) {
  connections.Open(1, now);
  connections.OnBytes(1, 1, now);
  connections.OnRequest(1);
  now += milliseconds(1);
  connections.Open(2, now);
  now += milliseconds(1);
  connections.Open(3, now);
  EXPECT_TRUE(connections.Full(now));
  EXPECT_EQ(connections.Open(4, now), 4u) << "nobody is slow yet";
  now += milliseconds(999);
  // A byte now and then does not help.
  connections.OnBytes(2, 1, now);
  EXPECT_EQ(connections.Open(5, now), 2u);
  EXPECT_EQ(connections.Open(6, now), 6u) << "3 has a moment left";
  now += milliseconds(1);
  EXPECT_EQ(connections.Open(7, now), 3u);
  EXPECT_EQ(connections.Open(8, now), 8u) << "1 waits for us";
}

TEST_F(ConnectionsTest, AllRequestsTogetherAreBounded) {
  connections.Open(1, now);
  connections.Open(2, now);
  EXPECT_TRUE(connections.OnBytes(1, 60, now));
  EXPECT_FALSE(connections.OnBytes(2, 50, now));
  EXPECT_TRUE(connections.OnBytes(1, 40, now));
  connections.OnRequest(1);
  connections.Close(2);
  connections.Open(3, now);
  EXPECT_TRUE(connections.OnBytes(3, 100, now));
}

}  // namespace
}  // namespace k8sgw::http
