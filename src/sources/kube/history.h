// Which history an API server tells, as far as the watches of one client have seen it together.
//
// All kinds are counted by one counter, that of etcd, and what is newest is never older than what anybody was told
// before it was asked for. So an answer that is older comes from a server that was restored from a backup. Then all
// watches are of a history that is no more: also those of quiet kinds, whose versions the counter may have passed
// again.
//
// Kinds with an etcd of their own (--etcd-servers-overrides) have another counter, and are taken for such a server
// each time that a request of theirs, or beside theirs, broke. That costs each watch a list, and nothing else: only an
// answer to whoever looks counts.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace k8sgw::kube {

// Of two resource versions of one server. They are numbers on every server that there is; of others nothing is said.
bool IsOlder(std::string_view version, std::string_view than);

class History {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Another one when history went back. What was told in one turn says nothing in the next.
  int turn() const { return turn_; }
  // Of this turn; "0" if nobody has seen any.
  const std::string& newest() const { return newest_; }

  // When anybody was last told of anything, whatever the turn: the server is there, and speaks for itself.
  std::optional<Time> told_at() const { return told_at_; }

  // Something that was asked for in that turn has this version.
  void Saw(int turn, std::string_view version, Time now) {
    told_at_ = now;
    if (turn == turn_ && IsOlder(newest_, version)) newest_ = version;
  }
  // The newest version of the server, by one who asked in that turn, when `newest` was the newest that was known.
  void Looked(int turn, std::string_view newest, std::string_view version, Time now) {
    if (turn == turn_ && IsOlder(version, newest)) {
      ++turn_;
      newest_ = version;
    }
    Saw(turn, version, now);
  }

 private:
  int turn_ = 0;
  std::string newest_ = "0";
  std::optional<Time> told_at_;
};

}  // namespace k8sgw::kube
