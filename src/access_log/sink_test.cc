// The queue from many threads; small enough to be built with the thread sanitizer.
#include "src/access_log/sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "src/base/test_folder.h"
#include "src/base/test_wait.h"

namespace k8sgw::access_log {
namespace {

using ::k8sgw::testing::TestFolder;

void Nothing(bool, const std::string&) {}

// A stream that gives lines as long as there is room, and goes on when it is told to, as those of the server do.
class Sender {
 public:
  Sender(Sink& sink, int id, int lines) : sink_(sink), id_(id), lines_(lines) {}
  void Pump() {
    while (next_ < lines_) {
      if (!sink_.HasRoom([this] { Pump(); })) return;
      sink_.Put(std::to_string(id_) + ":" + std::to_string(next_++) + "\n", 1);
    }
    done_ = true;
  }
  bool done() const { return done_; }

 private:
  Sink& sink_;
  const int id_;
  const int lines_;
  // Of whoever pumps; there is one at a time.
  int next_ = 0;
  std::atomic<bool> done_{false};
};

TEST(SinkTest, ManySendersGetAllTheirLinesInInTheirOrder) {
  constexpr int kSenders = 8;
  constexpr int kLines = 2000;
  const TestFolder folder;
  const std::string path = folder / "log";
  {
    Sink sink({path, int64_t{1} << 40, 1}, 2000, Nothing);
    std::vector<std::unique_ptr<Sender>> senders;
    std::vector<std::thread> threads;
    for (int i = 0; i < kSenders; ++i) senders.push_back(std::make_unique<Sender>(sink, i, kLines));
    for (const auto& sender : senders) threads.emplace_back([&sender] { sender->Pump(); });
    std::atomic<bool> over{false};
    // Somebody asks for metrics all the time. Each sender may put one line over the bound.
    std::thread asking([&] {
      while (!over) EXPECT_LT(sink.stats().queued_bytes, 2000u + kSenders * 10);
    });
    for (std::thread& thread : threads) thread.join();
    sink.Close();
    over = true;
    asking.join();
    for (const auto& sender : senders) EXPECT_TRUE(sender->done());
    EXPECT_EQ(sink.stats().written_entries, uint64_t{kSenders * kLines});
    EXPECT_EQ(sink.stats().queued_bytes, 0u);
  }
  std::ifstream file(path);
  std::vector<int> next(kSenders, 0);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    ASSERT_EQ(std::stoi(line.substr(colon + 1)), next[static_cast<size_t>(std::stoi(line))]++) << line;
  }
  EXPECT_THAT(next, ::testing::Each(kLines));
}

TEST(SinkTest, TheEndWaitsForWhatWaits) {
  const TestFolder folder;
  const std::string path = folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  std::set<char> seen;
  {
    Sink sink({path, 1, 1}, 1, Nothing);
    // More than the pipe holds, so the next ones wait.
    sink.Put(std::string(1 << 20, 'a') + "\n", 1);
    std::atomic<bool> resumed{false};
    EXPECT_FALSE(sink.HasRoom([&] {
      sink.Put("b\n", 1);
      resumed = true;
    }));
    std::thread reading([&] {
      std::vector<char> block(1 << 16);
      while (!seen.contains('b')) {
        const ssize_t n = read(reader, block.data(), block.size());
        if (n > 0) seen.insert(block.begin(), block.begin() + n);
      }
    });
    sink.Close();
    EXPECT_TRUE(resumed);
    reading.join();
    EXPECT_EQ(sink.stats().written_entries, 2u);
  }
  close(reader);
  EXPECT_THAT(seen, ::testing::ElementsAre('\n', 'a', 'b'));
}

using Clock = std::chrono::steady_clock;

// A pipe that nobody reads: what does not fit into it is stuck in a write.
class StuckSinkTest : public ::testing::Test {
 protected:
  StuckSinkTest() : path_(folder_ / "pipe") {
    signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    reader_ = open(path_.c_str(), O_RDWR | O_NONBLOCK);
    sink_ = std::make_unique<Sink>(OutputOptions{path_, 1, 1}, 1, Nothing);
    sink_->Put(std::string(1 << 20, 'a') + "\n", 5);
    // The pipe is full.
    EXPECT_TRUE(testing::Await([this] {
      int held = 0;
      return ioctl(reader_, FIONREAD, &held) == 0 && held >= 1 << 16;
    }));
  }
  ~StuckSinkTest() override { close(reader_); }
  size_t ReadAll() const {
    std::vector<char> block(1 << 16);
    size_t all = 0;
    const auto give_up_at = Clock::now() + std::chrono::seconds(10);
    while (all <= 1 << 20 && Clock::now() < give_up_at) {
      const ssize_t n = read(reader_, block.data(), block.size());
      if (n > 0) all += static_cast<size_t>(n);
    }
    return all;
  }

  const TestFolder folder_;
  const std::string path_;
  int reader_ = -1;
  std::unique_ptr<Sink> sink_;
};

TEST_F(StuckSinkTest, WhatIsGivenUpIsCountedAndKeepsNobody) {
  sink_->Put("b\n", 7);
  std::atomic<int> resumed{0};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(sink_->HasRoom([&] { ++resumed; }));
  sink_->GiveUp();
  EXPECT_EQ(resumed, 3);
  EXPECT_EQ(sink_->stats().waiting, 0u);
  EXPECT_EQ(sink_->stats().given_up_entries, 7u) << "the first write may still come to its end";
  EXPECT_FALSE(sink_->IsFull());
  EXPECT_TRUE(sink_->HasRoom([] {}));
  sink_->Put("c\n", 11);
  sink_->Close();
  EXPECT_EQ(sink_->stats().given_up_entries, 23u);
  EXPECT_EQ(sink_->stats().lost_entries, 23u);
  EXPECT_EQ(sink_->stats().written_entries, 0u);
  EXPECT_EQ(sink_->stats().queued_bytes, 0u);
}

TEST_F(StuckSinkTest, TheEndHasATimeAndTheThreadThatIsLeftBehindDoesNoHarm) {
  std::atomic<bool> resumed{false};
  EXPECT_FALSE(sink_->HasRoom([&] { resumed = true; }));
  const auto begin = Clock::now();
  sink_->Close(begin + std::chrono::milliseconds(100));
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(100));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
  EXPECT_TRUE(resumed);
  EXPECT_EQ(sink_->stats().lost_entries, 5u);
  EXPECT_EQ(sink_->stats().queued_bytes, 0u);
  // Now it comes to its end.
  EXPECT_EQ(ReadAll(), (1u << 20) + 1);
  EXPECT_EQ(sink_->stats().written_entries, 0u) << "it is lost already";
  sink_.reset();
}

TEST_F(StuckSinkTest, AWriteThatComesToItsEndInTimeCounts) {
  sink_->Put("b\n", 7);
  sink_->GiveUp();
  std::thread reading([this] { EXPECT_EQ(ReadAll(), (1u << 20) + 1); });
  sink_->Close(Clock::now() + std::chrono::seconds(30));
  reading.join();
  EXPECT_EQ(sink_->stats().written_entries, 5u);
  EXPECT_EQ(sink_->stats().given_up_entries, 7u);
}

TEST(SinkTest, WhoGivesItUpWhileManySendKnowsOfEveryEntry) {
  constexpr int kSenders = 4;
  constexpr int kLines = 2000;
  const TestFolder folder;
  Sink sink({folder / "log", int64_t{1} << 40, 1}, 2000, Nothing);
  std::vector<std::unique_ptr<Sender>> senders;
  std::vector<std::thread> threads;
  for (int i = 0; i < kSenders; ++i) senders.push_back(std::make_unique<Sender>(sink, i, kLines));
  for (const auto& sender : senders) threads.emplace_back([&sender] { sender->Pump(); });
  while (sink.stats().written_entries < kLines / 2) std::this_thread::yield();
  sink.GiveUp();
  for (std::thread& thread : threads) thread.join();
  // Those that were told to go on by the sink's thread.
  for (const auto& sender : senders) EXPECT_TRUE(testing::Await([&] { return sender->done(); }));
  sink.Close(Clock::now() + std::chrono::seconds(30));
  EXPECT_EQ(sink.stats().written_entries + sink.stats().given_up_entries, uint64_t{kSenders * kLines});
  EXPECT_EQ(sink.stats().lost_entries, sink.stats().given_up_entries);
  EXPECT_EQ(sink.stats().queued_bytes, 0u);
}

TEST(SinkTest, LossIsSaidAtOnceAndSummedUpAtTheEnd) {
  std::vector<std::string> said;
  {
    Sink sink({"/dev/full", 1000, 1}, 1000, [&](bool is_error, const std::string& what) {
      EXPECT_TRUE(is_error);
      said.push_back(what);
    });
    sink.Put("a\n", 3);
    while (sink.stats().lost_entries < 3) std::this_thread::yield();
    sink.Put("b\n", 4);
    sink.Close();
    EXPECT_EQ(sink.stats().lost_entries, 7u);
  }
  EXPECT_THAT(said,
              ::testing::ElementsAre(::testing::HasSubstr(": 3 entries are lost, and more"), "4 entries are lost"));
}

}  // namespace
}  // namespace k8sgw::access_log
