// A bounded queue of lines, and the thread that writes them.
//
// Whoever has lines asks for room first, and waits when there is none: so a slow disk slows those who send, and memory
// stays as it is. What cannot be written is counted, said, and forgotten: the next lines are tried anew. At the end
// nobody has to wait for a disk that takes nothing, or for who does not read: the sink can be given up.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "src/access_log/output.h"

namespace k8sgw::access_log {

struct SinkStats {
  uint64_t written_entries = 0;
  uint64_t written_bytes = 0;
  uint64_t lost_entries = 0;
  // Of the lost ones, those that were given up.
  uint64_t given_up_entries = 0;
  // With what is being written.
  uint64_t queued_bytes = 0;
  // Streams that wait for room.
  uint64_t waiting = 0;
};

class Sink {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // `say` is called by the sink's thread: (is an error, what).
  using Say = std::function<void(bool is_error, const std::string& what)>;
  Sink(OutputOptions output, size_t max_queued_bytes, Say say);
  // As Close.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // False when there is no room: `resume` will be called once when there is some, by the sink's thread, or by GiveUp.
  bool HasRoom(std::function<void()> resume);
  // Whether HasRoom would say so now.
  bool IsFull() const;
  // Entries that did not become lines.
  void CountLost(uint64_t entries);
  // Whole lines with so many entries. Taken even when there is no room.
  void Put(std::string lines, uint64_t entries);
  SinkStats stats() const;
  // From now on there is room for everything, and all of it is lost, as is what was not begun to be written.
  void GiveUp();
  // Returns when all that was put is written, or lost. At `by`, what is left is given up. When that has happened, a
  // thread that is stuck in a write is left behind, with that write, which counts as lost.
  void Close(std::optional<Time> by = std::nullopt);

 private:
  struct Queue;

  // A thread that is left behind has it, too.
  const std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace k8sgw::access_log
