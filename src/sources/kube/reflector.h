// Follows all objects of one kind on an API server: a state machine without any input, output or clock of its own. Who
// drives it makes the requests that it asks for and tells it what comes back; see list_watch.h.
//
// - It begins with a watch that sends the initial events (or, where that is refused or not wanted, a list), and follows
//   with a watch from there. When a request broke, the server is asked whether its version is older than what any watch
//   has seen, as that of one which was restored from a backup. Such a server would open a watch from our version, and
//   be silent until its own has passed that. Then all is asked for anew, by all who share the history (history.h).
// - The consumer's world is complete at all times after the first sync: listing again, for whatever reason and however
//   often it breaks, ends in one batch that replaces it, or in none.
// - Everything that goes wrong is retried, with back-off; nothing makes it stop. What the consumer knows stays.
// - A kind that is missing (404) or forbidden (403) is absent; it is asked for slowly, so it comes alive. For
//   `absent_after` before that it is asked for quickly. Of a kind that is missing for `gone_after`, the
//   objects are gone once the server says that it does not serve the kind (served.h); the consumer is told so once,
//   also when none was told before: it may know some from elsewhere. 404 alone proves nothing: a broken server, or
//   something in its place, may answer so to all that is asked anew. Nor does a server's word that has just started: so
//   only the time counts in which others that share the history are told something. Kinds that no server lacks are
//   never gone.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "src/sources/kube/backoff.h"
#include "src/sources/kube/decode.h"
#include "src/sources/kube/history.h"
#include "src/sources/kube/list_reader.h"
#include "src/sources/kube/resource_path.h"
#include "src/sources/kube/world.h"

namespace k8sgw::kube {

struct ReflectorOptions {
  using Duration = std::chrono::milliseconds;

  std::string label_selector{};
  std::string field_selector{};
  // Objects without their specs. (A list and a watch must be asked for that in different words: the server ends a watch
  // that would take a PartialObjectMetadataList, and refuses a list as a PartialObjectMetadata.)
  bool metadata_alone = false;
  // Ask for the initial events in the watch; off for servers that are known not to have it.
  bool watch_list = true;
  // Of a list; 0 asks for all objects at once, and for pages only when that is more than max_page_bytes.
  int page_limit = 500;
  size_t max_line_bytes = 16 << 20;
  size_t max_page_bytes = 256 << 20;
  // After a first list, the watch waits for a Poke, or so long: at a start the lists of other kinds come first.
  Duration first_watch_after{0};
  // A watch lasts this long, to twice of it; then it is opened again where it ended.
  std::chrono::seconds watch_for{300};
  // Without an answer, or the next bytes of a list, for so long, a request is given up.
  Duration silence{60'000};
  // A watch may be silent when nothing happens; so long after its end should have come, it is given up.
  Duration watch_grace{30'000};
  Duration absent_retry{15'000};
  // A server that has just started answers 404 and 403 for what it has not loaded: for so long that proves nothing.
  Duration absent_after{0};
  Duration gone_after{60'000};
  // What the server says that it serves may be as large as that, and come in `silence`; where that fails, it is asked
  // again when the kind is, but each time later, up to `ask_served_again`.
  size_t max_served_bytes = 4 << 20;
  Duration ask_served_again{120'000};
  Backoff::Options backoff{};
  // Called with each object of the next complete set that the consumer does not know as it is, long before it is told.
  Prepare prepare{};
  // What all watches of one API server share; nullptr for one that is alone.
  std::shared_ptr<History> history{};
};

struct Health {
  enum class Phase {
    kConnecting,  // asks for the first complete set, or for a new one
    kWatching,    // what the consumer knows is what the server has
    kRetrying,    // the last try failed; what the consumer knows may be old
    kAbsent,      // the kind is missing or forbidden
  };
  Phase phase = Phase::kConnecting;
  // A complete set was told at least once.
  bool synced = false;
  // Why it is retrying or absent.
  absl::Status error;

  bool operator==(const Health&) const = default;
};

// A GET. `target` is the path and the query.
struct Fetch {
  std::string target;
  std::string accept;
  // The credentials were refused: read them again before.
  bool fresh_credentials = false;
};

// What a call asks for, in this order.
struct Actions {
  // Views in these are good until the next call.
  std::vector<Batch> batches;
  // The running request has ended for us: nothing more of it may be told.
  bool cancel = false;
  std::optional<Fetch> fetch;
};

class Reflector {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = ReflectorOptions::Duration;

  Reflector(const Resource& resource, ReflectorOptions options, RandomFraction random);

  Actions Start(Time now);
  // The answer's code has come; `retry_after` is that of its header, or 0.
  Actions OnHead(Time now, int code, std::chrono::seconds retry_after);
  // Some of the body. Bodies of all sizes are taken, but bounded by the options.
  Actions OnBytes(Time now, std::string_view bytes);
  // The request ended by itself: well, or because of the network.
  Actions OnEnd(Time now, const absl::Status& status);
  // To be called at the deadline, or later.
  Actions OnTimer(Time now);
  // Do not wait any longer for the next try: something says that the server, or the kind, has come. Where the server
  // has said when to come back, that holds.
  Actions Poke(Time now);

  std::optional<Time> deadline() const { return deadline_; }
  const Health& health() const { return health_; }
  // Up to where the consumer's world follows the server's; "" when that must be asked anew.
  const std::string& resource_version() const { return resource_version_; }
  size_t size() const { return world_.size(); }

 private:
  // kServed and kGroups ask what the server serves: see served.h.
  enum class State { kIdle, kInitialEvents, kList, kLook, kWatch, kServed, kGroups, kWaiting };

  void Begin();
  Actions Take();
  void Next(Time now);
  void Request(Time now, State state, std::string query);
  void Send(Time now, State state, std::string target, std::string accept);
  void Retry(Time now, absl::Status error, Duration at_least = Duration(0));
  void Wait(Time now, Health::Phase phase, absl::Status error, Duration wait);
  void StartOver();
  void Expired(Time now, absl::Status error);
  // The consumer's world is that of the server up to here.
  void Follow(Time now, std::string resource_version);
  void InitialEventsFailed();
  void Synced(Time now, std::string resource_version);

  void TakeLines(Time now);
  bool TakeLine(Time now, std::string_view line);
  void TakeObject(Time now, WatchLine line);
  void TakeError(Time now, const ApiStatus& error);
  void TakeItems(Time now, std::string_view bytes);
  void TakePage(Time now);
  void TakeLook(Time now);
  void LineTooLarge(Time now);
  void PageTooLarge(Time now);
  void Refused(Time now);
  void Absent(Time now, int code, absl::Status error);
  void NoteMissing(Time now);
  bool MayBeGone() const;
  void TakeServed(Time now, const absl::Status& status);
  void NotGone(Time now, Duration at_least);
  bool AsksWhatIsServed() const { return state_ == State::kServed || state_ == State::kGroups; }
  void Ended(Time now, const absl::Status& status);
  bool Streams() const { return state_ == State::kInitialEvents || state_ == State::kWatch; }

  const Resource resource_;
  const std::string path_;
  ReflectorOptions options_;
  RandomFraction random_;
  Backoff backoff_;
  Backoff served_backoff_;
  Decoder decoder_;
  ListReader list_;
  World world_;
  const std::shared_ptr<History> history_;
  Health health_;
  Actions actions_;

  State state_ = State::kIdle;
  std::optional<Time> deadline_;
  std::string resource_version_;
  // Of the running request.
  int code_ = 0;
  std::chrono::seconds retry_after_{0};
  Time opened_{};  // when the answer began
  std::chrono::seconds lasts_{0};
  std::string buffer_;   // what came and is not used up; the bytes of the last call stay until the next
  size_t used_ = 0;      // of buffer_
  size_t searched_ = 0;  // of buffer_, for the end of a line
  std::optional<Batch> changes_;

  bool fresh_credentials_ = false;
  // A request broke: before the next watch, the server's version is looked at.
  bool look_ = false;
  // The history that is asked for or known, and its newest version when the server was asked for its own.
  int turn_ = 0;
  std::string newest_;
  // The way to the next complete set.
  bool pages_for_now_ = false;  // initial events failed
  bool one_page_ = false;       // a token expired between pages
  int page_limit_ = 0;
  int initial_failures_ = 0;
  int bad_lines_ = 0;
  std::string continue_;
  std::string list_version_;  // of the pages so far
  struct Missing {
    Time since{};
    // Since when others, who are told something now and then, show that the server is there all the while.
    std::optional<Time> while_others_hear;
  };
  std::optional<Missing> missing_;
  // What is served is not asked for before.
  Time ask_served_at_{};
  // Since when it is missing or forbidden.
  std::optional<Time> refused_since_;
  bool told_ = false;               // a complete set
  std::optional<Time> not_before_;  // the server said so
  Time synced_at_{};
};

}  // namespace k8sgw::kube
