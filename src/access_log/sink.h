// A bounded queue of lines, and the thread that writes them.
//
// Whoever has lines asks for room first, and waits when there is none: so a slow disk slows those who send, and memory
// stays as it is. What cannot be written is counted, said, and forgotten: the next lines are tried anew.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/access_log/output.h"

namespace k8sgw::access_log {

struct SinkStats {
  uint64_t written_entries = 0;
  uint64_t written_bytes = 0;
  uint64_t lost_entries = 0;
  uint64_t queued_bytes = 0;
  // Streams that wait for room.
  uint64_t waiting = 0;
};

class Sink {
 public:
  // `say` is called by the sink's thread: (is an error, what).
  using Say = std::function<void(bool is_error, const std::string& what)>;
  Sink(OutputOptions output, size_t max_queued_bytes, Say say);
  // As Close.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // False when there is no room: `resume` will be called once, by the sink's thread, when there is some.
  bool HasRoom(std::function<void()> resume);
  // Whether HasRoom would say so now.
  bool IsFull() const;
  // Entries that did not become lines.
  void CountLost(uint64_t entries);
  // Whole lines with so many entries. Taken even when there is no room.
  void Put(std::string lines, uint64_t entries);
  SinkStats stats() const;
  // Returns when all that was put is written, or lost.
  void Close();

 private:
  struct Block {
    std::string lines;
    uint64_t entries;
  };

  bool Full() const;  // called with mutex_
  void Run();
  void Write(const std::deque<Block>& blocks);
  void Lose(uint64_t entries, const std::string& why);

  Output output_;
  const size_t max_queued_bytes_;
  const Say say_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> queue_;                     // these are guarded by mutex_
  std::vector<std::function<void()>> waiting_;  // in the order in which they came
  SinkStats stats_;
  bool closing_ = false;
  // Of the thread: what was lost since it was said last, and when that was.
  uint64_t unsaid_ = 0;
  bool failing_ = false;
  std::chrono::steady_clock::time_point said_at_{};
  std::thread thread_;
};

}  // namespace k8sgw::access_log
