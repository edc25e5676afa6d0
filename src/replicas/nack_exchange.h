// Tells other replicas what our Envoys refuse, and hears what theirs do: a NackBoard that is bound to a watch, a Writer
// and a clock. All of it belongs to the loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/pipeline/nacks.h"
#include "src/replicas/nack_board.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/refusals.h"
#include "src/sources/kube/watch.h"

namespace k8sgw::replicas {

class NackExchange {
 public:
  struct Options {
    std::string ns;
    // Another one for each process.
    std::string identity;
    // Told when something cannot be written, or read; may be empty.
    kube::Refusals::Tell tell;
  };
  // What another replica says now, in the place of all that it said before.
  using Take = std::function<void(const std::string& replica, std::vector<NackInForce> nacks)>;

  // Loop and writer outlive it. Nothing is asked or told before Begin.
  NackExchange(kube::Loop& loop, kube::Writer& writer, Options options, kube::RandomFraction random, Take take);
  ~NackExchange();
  NackExchange(const NackExchange&) = delete;
  NackExchange& operator=(const NackExchange&) = delete;

  void Begin(const kube::Follow& follow);
  // All that Envoys refuse that are connected here.
  void Say(const std::vector<NackInForce>& nacks);
  void SetLeading(bool leading);
  // Writes what is due, without waiting for more. Calls `done` when it is written, or could not be; after `limit` at
  // the latest.
  void Flush(std::chrono::milliseconds limit, std::function<void()> done);

 private:
  void OnBatch(const kube::Batch& batch);
  void Pump();
  void Read(const std::string& replica, const std::string& text);
  void Tell(const std::string& message) const;
  void EndFlush();

  kube::Loop& loop_;
  kube::Writer& writer_;
  const Options options_;
  const Take take_;
  kube::Refusals refusals_;
  NackBoard board_;
  std::unique_ptr<kube::Watch> watch_;
  std::optional<kube::Loop::TimerId> timer_;
  std::function<void()> on_flushed_;
  std::optional<kube::Loop::TimerId> flush_limit_;
  // Whose list was told to be faulty, until it is good; "" is ours.
  std::set<std::string> told_;
  // What is running does not reach us when we are gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace k8sgw::replicas
