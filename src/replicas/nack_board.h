// The ConfigMap in which replicas tell the leader what their Envoys refuse: a state machine without input, output or
// clock; nack_exchange.h binds it.
//
// - Each replica has a key of its own, and writes by merge patches of that key, so nobody is in another's way. The
//   leader has none, as it writes statuses itself.
// - It is not made here. Where it is not there, nothing is written: an installation with one replica has none.
// - A list is said again every `renew`, and counts for `stale` after it was seen to change, by our own clock. So what a
//   replica said that has died is forgotten. The leader takes its key away.
// - Writes have `rest` between them, and wait longer after errors. The watch is the memory: what somebody took away
//   comes back.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "src/sources/kube/backoff.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::replicas {

struct BoardOptions {
  using Duration = std::chrono::milliseconds;

  std::string ns;
  // Who we are: letters, digits and -._ alone.
  std::string replica;
  // A change waits so long for those that come with it. They come with the same NACKs, and other replicas have time to
  // take the change of an object that was refused here.
  Duration gather{500};
  Duration rest{1'000};
  Duration renew{30'000};
  Duration stale{100'000};
  kube::Backoff::Options failures{Duration(1'000), Duration(60'000), Duration(180'000)};
};

class NackBoard {
 public:
  using Time = std::chrono::steady_clock::time_point;

  NackBoard(BoardOptions options, kube::RandomFraction random);

  // The ConfigMap as the watch has it: JSON, with the padding of yaml::FromJson.
  void Observe(Time now, std::string_view padded);
  // There is none.
  void Gone();
  // Whether the watch follows the server.
  void SetHeard(Time now, bool heard);
  // Our list, a JSON array; "" for none.
  void Say(Time now, std::string list);
  void SetLeading(bool leading) { leading_ = leading; }

  // The next write, when one is due and none is under way.
  std::optional<kube::WriteRequest> Next(Time now);
  void OnResult(Time now, const kube::WriteResult& result);
  bool is_writing() const { return in_flight_; }
  // What is due later is due now: there will be no later.
  void Hurry() {
    hurried_ = true;
    not_before_ = {};
  }
  // Whether what we say is read there.
  bool is_read() const { return there_ && !leading_; }
  // The texts of other replicas that are others than at the last call; "" when they count no longer.
  std::map<std::string, std::string> TakeChanged(Time now);
  // When Next or TakeChanged may have something to say that they have not now.
  std::optional<Time> deadline() const;

 private:
  struct Other {
    std::string text;
    Time since{};
    bool stale = false;
    // We have had its key taken away, and the watch will say so.
    bool taken = false;
  };

  // What our key should have; nullopt for nothing.
  std::optional<std::string> Wanted() const;
  // What a merge patch of the data is to say; "" when there is nothing to change.
  std::string Difference() const;

  const BoardOptions options_;
  kube::Backoff backoff_;
  bool leading_ = false;
  std::string list_;
  // Makes a text another one than that of before, so that others see that we are there.
  int64_t beat_ = 0;
  Time renew_at_{};
  Time not_before_{};
  bool in_flight_ = false;
  bool hurried_ = false;

  // What the server has.
  bool heard_ = false;
  Time silent_since_{};
  bool there_ = false;
  std::optional<std::string> own_;
  std::map<std::string, Other> others_;
  std::set<std::string> changed_;
};

}  // namespace k8sgw::replicas
