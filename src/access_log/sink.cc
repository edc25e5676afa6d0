#include "src/access_log/sink.h"

#include <chrono>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::access_log {
namespace {

// While nothing can be written, it is said again after this.
constexpr std::chrono::seconds kSayAgain(30);
// Written at once: few calls, and what one failure loses is little.
constexpr size_t kBatchBytes = 256 << 10;

}  // namespace

Sink::Sink(OutputOptions output, size_t max_queued_bytes, Say say)
    : output_(std::move(output)),
      max_queued_bytes_(max_queued_bytes),
      say_(std::move(say)),
      thread_([this] { Run(); }) {}

Sink::~Sink() { Close(); }

bool Sink::HasRoom(std::function<void()> resume) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!Full()) return true;
  waiting_.push_back(std::move(resume));
  return false;
}

bool Sink::IsFull() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return Full();
}

// Those who wait already come first.
bool Sink::Full() const { return stats_.queued_bytes >= max_queued_bytes_ || !waiting_.empty(); }

void Sink::CountLost(uint64_t entries) {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.lost_entries += entries;
}

void Sink::Put(std::string lines, uint64_t entries) {
  if (lines.empty()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.queued_bytes += lines.size();
    queue_.push_back({std::move(lines), entries});
  }
  changed_.notify_one();
}

SinkStats Sink::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  SinkStats stats = stats_;
  stats.waiting = waiting_.size();
  return stats;
}

void Sink::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Sink::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !queue_.empty() || !waiting_.empty(); });
    if (queue_.empty() && waiting_.empty() && closing_) break;
    std::deque<Block> blocks = std::exchange(queue_, {});
    lock.unlock();
    Write(blocks);
    lock.lock();
    if (stats_.queued_bytes > max_queued_bytes_ / 2) continue;
    const auto ready = std::exchange(waiting_, {});
    lock.unlock();
    for (const auto& resume : ready) resume();
    lock.lock();
  }
  lock.unlock();
  if (unsaid_ > 0) say_(true, Cat(unsaid_, " entries are lost"));
}

void Sink::Write(const std::deque<Block>& blocks) {
  for (size_t begin = 0; begin < blocks.size();) {
    std::string joined;
    uint64_t entries = 0;
    size_t end = begin;
    while (end < blocks.size() && (end == begin || joined.size() + blocks[end].lines.size() <= kBatchBytes)) {
      joined += blocks[end].lines;
      entries += blocks[end++].entries;
    }
    begin = end;
    const absl::Status status = output_.Write(joined);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stats_.queued_bytes -= joined.size();
      stats_.written_entries += status.ok() ? entries : 0;
      stats_.written_bytes += status.ok() ? joined.size() : 0;
      stats_.lost_entries += status.ok() ? 0 : entries;
    }
    if (!status.ok()) {
      Lose(entries, std::string(status.message()));
    } else if (std::exchange(failing_, false)) {
      say_(false, Cat(output_.name(), " is written again; ", std::exchange(unsaid_, 0), " more entries were lost"));
    }
  }
}

void Sink::Lose(uint64_t entries, const std::string& why) {
  unsaid_ += entries;
  const auto now = std::chrono::steady_clock::now();
  if (std::exchange(failing_, true) && now - said_at_ < kSayAgain) return;
  said_at_ = now;
  say_(true, Cat(why, ": ", std::exchange(unsaid_, 0), " entries are lost, and more until that is mended"));
}

}  // namespace k8sgw::access_log
