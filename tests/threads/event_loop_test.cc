// The run loop from many threads; small enough to be built with the thread sanitizer.
#include "src/cmd/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace k8sgw {
namespace {

using namespace std::chrono_literals;

TEST(EventLoop, RunsWhatManyThreadsPostEachOnceAndInOrder) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  EventLoop loop;
  // Only the loop's thread touches these.
  std::vector<std::vector<int>> seen(kThreads);
  int left = kThreads * kPosts;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&, t, i] {
          seen[static_cast<size_t>(t)].push_back(i);
          if (--left == 0) loop.Quit();
        });
      }
    });
  }
  loop.Run();
  for (auto& thread : threads) thread.join();
  for (const auto& numbers : seen) {
    ASSERT_EQ(numbers.size(), static_cast<size_t>(kPosts));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST(EventLoop, AWatchMayRemoveItselfAndOthers) {
  EventLoop loop;
  int first[2];
  int second[2];
  ASSERT_EQ(pipe(first), 0);
  ASSERT_EQ(pipe(second), 0);
  int calls = 0;
  const auto on_readable = [&] {
    ++calls;
    loop.Unwatch(first[0]);
    loop.Unwatch(second[0]);
    loop.Quit();
  };
  loop.Watch(first[0], on_readable);
  loop.Watch(second[0], on_readable);
  ASSERT_EQ(write(first[1], "x", 1), 1);
  ASSERT_EQ(write(second[1], "x", 1), 1);
  loop.Run();
  EXPECT_EQ(calls, 1);
  for (int fd : {first[0], first[1], second[0], second[1]}) close(fd);
}

TEST(EventLoop, KeepsDeadlines) {
  EventLoop loop;
  const auto due = EventLoop::Now() + 20ms;
  loop.SetDeadline([&] { return std::optional(due); },
                   [&](EventLoop::Time now) {
                     EXPECT_GE(now, due);
                     loop.Quit();
                   });
  loop.Run();
  EXPECT_GE(EventLoop::Now(), due);
}

TEST(EventLoop, SignalsArriveOnTheLoop) {
  EventLoop loop;
  int got = 0;
  loop.OnSignal([&](int signal) {
    got = signal;
    loop.Quit();
  });
  kill(getpid(), SIGTERM);
  loop.Run();
  EXPECT_EQ(got, SIGTERM);
}

}  // namespace
}  // namespace k8sgw
