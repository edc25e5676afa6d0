#include "src/access_log/sink.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "src/base/text.h"

namespace k8sgw::access_log {
namespace {

// While nothing can be written, it is said again after this.
constexpr std::chrono::seconds kSayAgain(30);
// Written at once: few calls, and what one failure loses is little.
constexpr size_t kBatchBytes = 256 << 10;

struct Block {
  std::string lines;
  uint64_t entries;
};

}  // namespace

struct Sink::Queue {
  Queue(OutputOptions options, size_t most, Say s) : output(std::move(options)), max_bytes(most), say(std::move(s)) {}

  void Run();
  // False when the sink is gone meanwhile.
  bool Write(std::unique_lock<std::mutex>& lock);
  void Lose(uint64_t entries, const std::string& why);
  // These are called with the mutex.
  bool Full() const;
  void GiveUp(uint64_t entries);

  Output output;  // of the thread, as what was lost since it was said last, and when that was
  uint64_t unsaid = 0;
  bool failing = false;
  std::chrono::steady_clock::time_point said_at{};

  const size_t max_bytes;
  const Say say;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable ended;
  std::deque<Block> blocks;                    // these are guarded by the mutex
  std::vector<std::function<void()>> waiting;  // in the order in which they came
  SinkStats stats;
  // Entries of the write that is under way: it may never return.
  std::optional<uint64_t> writing;
  bool closing = false;
  bool given_up = false;
  // The thread takes nothing more.
  bool over = false;
  // Nobody waits for the thread any more, and nothing that it was given is there.
  bool left_behind = false;
};

Sink::Sink(OutputOptions output, size_t max_queued_bytes, Say say)
    : queue_(std::make_shared<Queue>(std::move(output), max_queued_bytes, std::move(say))),
      thread_([queue = queue_] { queue->Run(); }) {}

Sink::~Sink() { Close(); }

bool Sink::HasRoom(std::function<void()> resume) {
  std::lock_guard<std::mutex> lock(queue_->mutex);
  if (!queue_->Full()) return true;
  queue_->waiting.push_back(std::move(resume));
  return false;
}

bool Sink::IsFull() const {
  std::lock_guard<std::mutex> lock(queue_->mutex);
  return queue_->Full();
}

// Those who wait already come first.
bool Sink::Queue::Full() const { return !given_up && !over && (stats.queued_bytes >= max_bytes || !waiting.empty()); }

void Sink::CountLost(uint64_t entries) {
  std::lock_guard<std::mutex> lock(queue_->mutex);
  queue_->stats.lost_entries += entries;
}

void Sink::Queue::GiveUp(uint64_t entries) {
  stats.lost_entries += entries;
  stats.given_up_entries += entries;
}

void Sink::Put(std::string lines, uint64_t entries) {
  if (lines.empty()) return;
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    if (queue_->given_up || queue_->over) return queue_->GiveUp(entries);
    queue_->stats.queued_bytes += lines.size();
    queue_->blocks.push_back({std::move(lines), entries});
  }
  queue_->changed.notify_one();
}

SinkStats Sink::stats() const {
  std::lock_guard<std::mutex> lock(queue_->mutex);
  SinkStats stats = queue_->stats;
  stats.waiting = queue_->waiting.size();
  return stats;
}

void Sink::GiveUp() {
  std::vector<std::function<void()>> ready;
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    queue_->given_up = true;
    for (const Block& block : std::exchange(queue_->blocks, {})) {
      queue_->stats.queued_bytes -= block.lines.size();
      queue_->GiveUp(block.entries);
    }
    ready = std::exchange(queue_->waiting, {});
  }
  queue_->changed.notify_one();
  queue_->ended.notify_all();
  for (const auto& resume : ready) resume();
}

void Sink::Close(std::optional<Time> by) {
  if (!thread_.joinable()) return;
  std::unique_lock<std::mutex> lock(queue_->mutex);
  queue_->closing = true;
  queue_->changed.notify_one();
  if (by && !queue_->ended.wait_until(lock, *by, [this] { return queue_->over; })) {
    lock.unlock();
    GiveUp();
    lock.lock();
  }
  // Whatever else it does than to write, it comes back from it.
  queue_->ended.wait(lock, [this] { return queue_->over || (queue_->given_up && queue_->writing); });
  if (queue_->over) {
    lock.unlock();
    return thread_.join();
  }
  queue_->left_behind = true;
  queue_->GiveUp(*queue_->writing);
  queue_->stats.queued_bytes = 0;
  thread_.detach();
}

void Sink::Queue::Run() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return closing || given_up || !blocks.empty() || !waiting.empty(); });
    if (given_up || (closing && blocks.empty() && waiting.empty())) break;
    if (!Write(lock)) return;
    if (stats.queued_bytes > max_bytes / 2) continue;
    const auto ready = std::exchange(waiting, {});
    lock.unlock();
    for (const auto& resume : ready) resume();
    lock.lock();
  }
  over = true;
  ended.notify_all();
  lock.unlock();
  if (unsaid > 0) say(true, Cat(unsaid, " entries are lost"));
}

bool Sink::Queue::Write(std::unique_lock<std::mutex>& lock) {
  if (blocks.empty()) return true;
  std::vector<Block> batch;
  size_t bytes = 0;
  uint64_t entries = 0;
  while (!blocks.empty() && (batch.empty() || bytes + blocks.front().lines.size() <= kBatchBytes)) {
    bytes += blocks.front().lines.size();
    entries += blocks.front().entries;
    batch.push_back(std::move(blocks.front()));
    blocks.pop_front();
  }
  writing = entries;
  lock.unlock();
  std::string joined = std::move(batch.front().lines);
  for (size_t i = 1; i < batch.size(); ++i) joined += batch[i].lines;
  const absl::Status status = output.Write(joined);
  lock.lock();
  if (left_behind) return false;
  writing.reset();
  stats.queued_bytes -= bytes;
  stats.written_entries += status.ok() ? entries : 0;
  stats.written_bytes += status.ok() ? bytes : 0;
  stats.lost_entries += status.ok() ? 0 : entries;
  lock.unlock();
  if (!status.ok()) {
    Lose(entries, std::string(status.message()));
  } else if (std::exchange(failing, false)) {
    say(false, Cat(output.name(), " is written again; ", std::exchange(unsaid, 0), " more entries were lost"));
  }
  lock.lock();
  return true;
}

void Sink::Queue::Lose(uint64_t entries, const std::string& why) {
  unsaid += entries;
  const auto now = std::chrono::steady_clock::now();
  if (std::exchange(failing, true) && now - said_at < kSayAgain) return;
  said_at = now;
  say(true, Cat(why, ": ", std::exchange(unsaid, 0), " entries are lost, and more until that is mended"));
}

}  // namespace k8sgw::access_log
