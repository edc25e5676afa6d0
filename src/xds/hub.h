// Many streams on many threads in front of one Engine: the lock, the queues of responses, the thread of deadlines.
//
// There is no gRPC in here, so that the thread sanitizer, which cannot look into Debian's gRPC, sees all of it.
//
// Lock order: the hub's mutex, then a stream's. Responses are prepared without either: the engine only queues them and
// notes the stream; whoever called the engine lets the stream send when it has let go of the lock. A response of 10,000
// resources thus holds up nobody but its own stream.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "src/xds/engine.h"

namespace k8sgw::xds {

class Hub;

// One stream. A transport derives from it, held by shared_ptr: others may be about to look whether there is something
// to send, and the last of them deletes it.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // Not before the transport is whole, and held by a shared_ptr. Begins to listen.
  void Open(StreamOptions options);
  void Receive(const Request& request);
  // What StartSending began has ended well: the next response may go.
  void Sent();
  // Leaves the engine. From here on nothing is sent; true the first time, then the transport ends the stream.
  bool Close();

 protected:
  explicit Stream(Hub& hub) : hub_(hub) {}
  virtual ~Stream() = default;

  // Makes what will be sent. Called by any thread, without a lock, one response at a time.
  virtual void Prepare(const Response& response) = 0;
  // Begins to send it, without waiting. Never called after Close.
  virtual void StartSending() = 0;
  // Begins to wait for the next request, which goes to Receive. Never called after Close.
  virtual void StartListening() = 0;

 private:
  friend class Hub;
  // Called by the engine: only queues.
  void Enqueue(Response response);
  void SendNext();
  // Listens on when the queue is short; called with mutex_.
  void ListenOn();

  Hub& hub_;
  StreamId id_ = 0;
  std::mutex mutex_;
  std::deque<Response> queue_;  // these are guarded by mutex_
  bool ready_to_listen_ = false;
  bool sending_ = false;
  bool closed_ = false;
};

class Hub {
 public:
  explicit Hub(EngineOptions options);
  // All streams must be closed by then.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void Apply(const std::string& role, const Update& update);
  std::optional<Response> Fetch(const Request& request);
  EngineStats stats() const;
  bool InSync(const std::string& role) const;

 private:
  friend class Stream;
  // Calls work(engine) under the lock, then lets those streams send that were given something.
  void Call(const std::function<void(Engine&)>& work);
  void KeepDeadlines();

  mutable std::mutex mutex_;
  Engine engine_;                               // the following are guarded by mutex_
  std::vector<std::shared_ptr<Stream>> ready_;  // streams that were given something
  std::optional<Time> awaited_deadline_;
  bool stopping_ = false;
  // Wakes the thread of deadlines, when the next one is no longer the one that it waits for.
  std::condition_variable deadline_changed_;
  std::thread deadlines_;
};

}  // namespace k8sgw::xds
