// How long changes of one role take until its clients have answered them.
//
// A push begins with a change that leaves clients behind: they are to be told of it, or of something before it. It ends
// when the last of these has answered all that it was to be told. A client that is told of newer changes meanwhile has
// answered the push when it has answered those, too: states in between are skipped. A push that is still open a minute
// later, when the next begins, ends as it is: one client that never answers must not hide what the others do.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace k8sgw::xds {

class Pushes {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Of one client: the first push that it owes an answer to. It owes one to each that came later, too.
  using Owed = std::optional<uint64_t>;
  // The time from the change to the last answer.
  using OnEnd = std::function<void(std::chrono::nanoseconds)>;

  // These clients are behind, and so are all that owe something already.
  void Begin(const std::vector<Owed*>& behind, Time now, const OnEnd& on_end);
  // The client is no longer behind.
  void Answered(Owed& owed, Time now, const OnEnd& on_end);
  // The client has left. A push that only it had to answer ended with the answer before, if there was one.
  void Left(Owed& owed, const OnEnd& on_end);

 private:
  struct Push {
    Time begin{};
    std::optional<Time> last_answer;
    size_t waiting = 0;
  };

  void Leave(Owed& owed, std::optional<Time> answer, const OnEnd& on_end);

  std::deque<Push> open_;
  // The number of the first of these.
  uint64_t first_ = 0;
};

}  // namespace k8sgw::xds
