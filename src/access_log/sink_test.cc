// The queue from many threads; small enough to be built with the thread sanitizer.
#include "src/access_log/sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "src/base/test_folder.h"

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
