// Many streams on many threads in front of one Engine: the lock, the queues of responses, the thread of deadlines.
//
// There is no gRPC in here, so that the thread sanitizer, which cannot look into Debian's gRPC, sees all of it.
//
// Lock order: the hub's mutex, then a stream's. Responses are prepared without either: the engine only queues them and
// notes the stream; whoever called the engine lets the stream send when it has let go of the lock. A response of 10,000
// resources thus holds up nobody but its own stream.
//
// With an authenticator a stream is not listened to before it is known who calls, and ends without a word when that has
// no right to the role of its first request. Who stays is asked about again after Authenticator::holds_for.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/xds/authenticator.h"
#include "src/xds/engine.h"

namespace k8sgw::xds {

class Hub;

// Responses to streams since the start, by Type.
using ResponseCounts = std::array<int64_t, kTypeCount>;

// One stream. A transport derives from it, held by shared_ptr: others may be about to look whether there is something
// to send, and the last of them deletes it.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // Not before the transport is whole, and held by a shared_ptr. Begins to listen, when it is known who calls.
  void Open(StreamOptions options, Caller caller = {});
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
  // Begins to end the stream with an error, instead of all that would be sent. Called once at most, and then Close has
  // happened: the hub may be gone when this returns.
  virtual void StartRefusing(const absl::Status& status) = 0;

 private:
  friend class Hub;
  // What the authenticator says, on any thread: at the beginning, and when it was asked again.
  void Admit(const absl::StatusOr<Ptr<Identity>>& answer);
  void Reconsider(const absl::StatusOr<Ptr<Identity>>& answer);
  // Whether the caller may have what it asks for first; if not, the stream is refused.
  bool MayHave(const std::string& role);
  void Refuse(const absl::Status& status);
  // Called by the engine: only queues.
  void Enqueue(Response response);
  void SendNext();
  // Listens on when the queue is short; called with mutex_.
  void ListenOn();

  // Alive as long as the stream is not closed.
  Hub& hub_;
  Caller caller_;
  StreamId id_ = 0;
  // Set before the stream listens, and with its first request.
  Ptr<Identity> identity_;
  std::optional<std::string> role_;
  std::optional<Time> ask_again_;  // these are guarded by the hub's mutex
  bool left_ = false;
  std::mutex mutex_;
  std::deque<Response> queue_;  // these are guarded by mutex_
  bool ready_to_listen_ = false;
  bool sending_ = false;
  bool closed_ = false;
};

struct HubOptions {
  EngineOptions engine;
  // Outlives the hub, and answers whatever it was asked. Without one, everybody may have everything.
  Authenticator* authenticator = nullptr;
  // Called by any thread; must not call back.
  std::function<void(const Refusal&)> on_refusal;
};

class Hub {
 public:
  using Fetched = std::function<void(const absl::StatusOr<std::optional<Response>>&)>;

  explicit Hub(HubOptions options);
  // All streams must be closed by then, and all fetches answered.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void Apply(const std::string& role, const Update& update);
  void ModuleReady(const std::string& role);
  // Who calls, before anything of a call is read: calls `done` once, perhaps before it returns. Without an
  // authenticator it is nobody, who may have everything.
  void Recognize(const Caller& caller, std::function<void(const absl::StatusOr<Ptr<Identity>>&)> done);
  // What somebody gets who was recognized: nothing when nothing is newer.
  absl::StatusOr<std::optional<Response>> FetchAs(const Ptr<Identity>& identity, const std::string& peer,
                                                  const Request& request, bool known_role_only = false);
  // Both. Calls `done` once, perhaps before it returns: with nothing when nothing is newer, or with why the caller gets
  // nothing: the authenticator's errors, or NotFound for an unknown role, when that is not to get the fallback.
  void Fetch(const Caller& caller, const Request& request, Fetched done, bool known_role_only = false);
  EngineStats stats() const;
  ResponseCounts responses() const;
  AccessStats access_stats() const;
  bool InSync(const std::string& role) const;
  std::map<std::string, Engine::RoleStreams> StreamsByRole() const;
  std::vector<ClientState> Clients() const;

 private:
  friend class Stream;
  // Calls work(engine) under the lock, then lets those streams send that were given something.
  void Call(const std::function<void(Engine&)>& work);
  void KeepDeadlines();
  std::optional<Time> NextDeadline() const;
  // Does what is due.
  void Tick(Time now);
  // The stream is to be asked about again, or not any more; called with mutex_.
  void AskLater(Stream& stream);
  void AskNoMore(Stream& stream);
  absl::StatusOr<std::optional<Response>> FetchNow(const Request& request, bool known_role_only);
  void Tell(const Refusal& refusal);

  Authenticator* const authenticator_;
  const std::function<void(const Refusal&)> on_refusal_;
  mutable std::mutex mutex_;
  Engine engine_;  // the following are guarded by mutex_
  AccessStats access_;
  ResponseCounts responses_{};
  // Streams that are to be asked about again, by time. They are open, so they are alive.
  std::set<std::pair<Time, Stream*>> ask_again_;
  // Streams that were given something.
  std::vector<std::shared_ptr<Stream>> ready_;
  std::optional<Time> awaited_deadline_;
  bool stopping_ = false;
  // Wakes the thread of deadlines, when the next one is no longer the one that it waits for.
  std::condition_variable deadline_changed_;
  std::thread deadlines_;
};

}  // namespace k8sgw::xds
