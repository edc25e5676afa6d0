#include "src/sources/kube/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <string>

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;

TEST(LoopTest, TimersRunInTheirOrder) {
  Loop loop;
  std::string order;
  const auto now = Loop::Now();
  loop.At(now + milliseconds(20), [&] {
    order += "c";
    loop.Quit();
  });
  loop.At(now + milliseconds(5), [&] { order += "a"; });
  loop.At(now + milliseconds(10), [&] { order += "b"; });
  loop.Cancel(loop.At(now + milliseconds(7), [&] { order += "x"; }));
  loop.Run();
  EXPECT_EQ(order, "abc");
}

TEST(LoopTest, ATimerThatSetsItselfDoesNotStarveOthers) {
  Loop loop;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    // Long due.
    loop.At(Loop::Time(), again);
  };
  again();
  loop.At(Loop::Now() + milliseconds(5), [&] { loop.Quit(); });
  loop.Run();
  EXPECT_GT(runs, 1);
}

TEST(LoopTest, RunsWithinAnother) {
  Loop loop;
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  std::string seen;
  loop.Watch(pipe_fds[0], EPOLLIN, [&](uint32_t) {
    char c = 0;
    if (read(pipe_fds[0], &c, 1) == 1) seen += c;
  });
  pollfd outer{loop.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&outer, 1, 0), 0);
  ASSERT_EQ(write(pipe_fds[1], "x", 1), 1);
  EXPECT_EQ(poll(&outer, 1, 1000), 1);
  loop.Process();
  EXPECT_EQ(seen, "x");
  loop.At(Loop::Now() + milliseconds(5), [&] { seen += "t"; });
  EXPECT_EQ(poll(&outer, 1, 1000), 1);
  loop.Process();
  EXPECT_EQ(seen, "xt");
  loop.Unwatch(pipe_fds[0]);
  ASSERT_EQ(write(pipe_fds[1], "x", 1), 1);
  EXPECT_EQ(poll(&outer, 1, 0), 0);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST(LoopTest, PostsFromOtherThreads) {
  LoopThread thread;
  int sum = 0;
  for (int i = 0; i < 100; ++i) thread.loop().Post([&, i] { sum += i; });
  thread.Do([&] { sum += 1; });
  EXPECT_EQ(sum, 4951);
}

}  // namespace
}  // namespace k8sgw::kube
