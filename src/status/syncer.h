// Brings the entries on the server to the verdicts: a state machine without any input, output or clock of its own. Who
// drives it tells it what the watch saw and what the verdicts are, makes the writes that it allows and tells it how
// they went; see status_writer.h.
//
// - A write is asked for when the server has something else than the verdict, we lead, and a write is due. So there is
//   none after a restart, none from a replica that does not lead, and what changed many times while it waited is
//   written once.
// - Whatever makes a second write of one object necessary (an error, a conflict, another controller at our place, a
//   server that keeps something else) waits twice as long each time. A new verdict starts over, but one object is not
//   written more than once per `object.first`.
// - Nothing is given up but for objects that are gone. What fails does not hold up others: what may concern a whole
// kind
//   (rights, an outage, too many requests) pauses the kind, and then one write at a time finds out whether it is over.
// - Kinds, and within them namespaces, take turns, so ten thousand objects of one do not hold up another.
// - Of an object are kept its uid, two hashes and the names of its proxies; no texts.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "src/model/resource.h"
#include "src/sources/kube/backoff.h"
#include "src/sources/kube/call_limit.h"
#include "src/status/entry_json.h"

namespace k8sgw::status {

struct SyncOptions {
  using Duration = std::chrono::milliseconds;

  // Of writes.
  kube::CallRate rate{200, 400};
  size_t in_flight = 8;
  // Between the writes of one object; of one kind that is refused.
  kube::Backoff::Options object{Duration(1'000), Duration(300'000), Duration(900'000)};
  kube::Backoff::Options kind{Duration(200), Duration(30'000), Duration(60'000)};
  // An object that the server does not find is gone, as a rule, and the watch is about to say so.
  Duration missing{10'000};
};

class Syncer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = SyncOptions::Duration;

  struct Write {
    uint64_t id = 0;
    ResourceKey object;
    std::string uid;
    // Its subresources may be some that were there before.
    Found found;
  };

  struct Outcome {
    enum class Kind {
      kWritten,
      kRefused,  // this object, as it is
      kMissing,  // the object
      kFailed,   // perhaps all objects of the kind, or everything; also when nobody knows whether it was done
    };
    Kind kind{};
    // Of kWritten: what the server has now.
    Found found{};
    // What the server asks for.
    Duration retry_after{0};
  };

  struct Counters {
    uint64_t written = 0;
    // Writes that were not the first for their verdict.
    uint64_t retried = 0;
    uint64_t failed = 0;
    // Objects whose entry is not yet the verdict: due, and waiting for their next try.
    size_t due = 0;
    size_t waiting = 0;
    size_t in_flight = 0;
  };

  Syncer(SyncOptions options, kube::RandomFraction random);

  // The watch saw this object, as it is now. True when it is new to us: its verdict must then be told.
  bool Observe(Time now, const ResourceKey& object, const std::string& uid, Found found);
  void Gone(const ResourceKey& object);
  // The hash of the verdict, 0 for none: then nothing is written. Of objects that were not observed it is forgotten.
  void Desire(Time now, const ResourceKey& object, uint64_t hash);
  void SetLeading(Time now, bool leading);
  void SetRate(kube::CallRate rate) { limit_.Set(rate); }

  // The next write that may begin now, until there is none.
  std::optional<Write> Next(Time now);
  void OnResult(Time now, uint64_t id, const Outcome& outcome);
  // When Next may have something to say that it has not now, if nothing else happens.
  std::optional<Time> deadline() const;

  Counters counters() const;
  bool Knows(const ResourceKey& object) const { return records_.contains(object); }
  bool leading() const { return leading_; }

 private:
  struct Record {
    std::string uid;
    Found found;
    uint64_t desired = 0;     // 0 when it is not known
    uint64_t flight = 0;      // the write under way, or 0
    uint64_t turn = 0;        // in Lane::due, or 0
    bool waiting = false;     // in waiting_, at not_before
    bool seen_since = false;  // observed since the write began
    int tries = 0;            // for this verdict
    Time sent{};
    Time not_before{};
  };
  // What is due of one kind.
  struct Lane {
    explicit Lane(kube::Backoff pause) : backoff(std::move(pause)) {}

    std::map<Name, std::map<uint64_t, Name>> due;  // by namespace, by turn: names
    Name last_namespace;
    size_t in_flight = 0;
    kube::Backoff backoff;
    int failures = 0;  // in a row
    Time closed_until{};
  };

  bool Needs(const Record& record) const;
  void Place(Time now, const ResourceKey& object, Record& record);
  void Withdraw(const ResourceKey& object, Record& record);
  void Wake(Time now);
  Lane& LaneOf(Kind kind);
  bool MaySend(const Lane& lane) const { return !lane.due.empty() && (lane.failures == 0 || lane.in_flight == 0); }
  Lane* NextLane(Time now);
  ResourceKey TakeTurn(Kind kind, Lane& lane);
  Duration Pause(int tries) const;
  void Judge(Time now, Kind kind, const Outcome& outcome);

  const SyncOptions options_;
  const kube::RandomFraction random_;
  bool leading_ = false;
  std::map<ResourceKey, Record> records_;
  std::map<Kind, Lane> lanes_;
  Kind last_kind_{};
  std::set<std::pair<Time, ResourceKey>> waiting_;
  std::map<uint64_t, ResourceKey> flights_;
  uint64_t last_id_ = 0;
  uint64_t last_turn_ = 0;
  kube::CallLimit limit_;
  Counters counters_;
};

}  // namespace k8sgw::status
