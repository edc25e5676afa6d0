// Writes the verdicts on objects to an API server: a Syncer that is bound to a Writer and a clock. All of it belongs to
// the loop's thread.
//
// To be called, in this order, for each batch of the watches:
//   1. Observe or Gone for each object of the batch, in the same step in which its Change is staged;
//   2. Pipeline::Commit and Verdicts::AfterCommit;
//   3. Committed(Verdicts::TakeChanged()), also after Pipeline::ReportNack. Not before the first complete set of all
//      kinds was committed: what is missing until then would be a verdict.
// Nothing is written before 3, so an object is never called Accepted because nobody has looked yet.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/sources/kube/decode.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/refusals.h"
#include "src/sources/kube/writer.h"
#include "src/status/syncer.h"

namespace k8sgw::status {

// What an answer means.
Syncer::Outcome OutcomeOf(const kube::WriteResult& result, EntryReader& reader, Form form);

// The patch of one object; at its subresource where its kind has one.
kube::WriteRequest RequestOf(std::string_view ns, const Syncer::Write& write, const Entry& entry);

class StatusWriter {
 public:
  struct Options {
    // The control plane's, under which its entries stand.
    std::string ns;
    SyncOptions sync;
    // Whether somebody looks at the object: what is in a namespace that does not count is left alone. May be empty.
    std::function<bool(const ResourceKey& object)> counts;
    // Asked before each write, besides SetLeading: whether we lead at this moment. May be empty.
    std::function<bool()> leads;
    // Told when we lack the right to write a kind's statuses. May be empty.
    kube::Refusals::Tell tell;
  };
  using VerdictOf = std::function<Entry(const ResourceKey& object)>;

  // `writer` and `loop` outlive it.
  StatusWriter(kube::Loop& loop, kube::Writer& writer, Options options, kube::RandomFraction random,
               VerdictOf verdict_of);
  ~StatusWriter();
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  // Kinds without status are left alone.
  void Observe(const ResourceKey& key, const kube::RawObject& object);
  void Gone(const ResourceKey& key);
  void Committed(const std::vector<ResourceKey>& changed);
  void SetLeading(bool leading);
  void SetRate(kube::CallRate rate) { syncer_.SetRate(rate); }
  // Calls `done` when what is due has been written, or at the limit. What waits after a failure is left.
  void Flush(std::chrono::milliseconds limit, std::function<void()> done);

  Syncer::Counters counters() const { return syncer_.counters(); }

 private:
  void Pump();
  void Send(const Syncer::Write& write);
  void PumpAt(kube::Loop::Time when);
  void EndFlush();

  kube::Loop& loop_;
  kube::Writer& writer_;
  const Options options_;
  const VerdictOf verdict_of_;
  kube::Refusals refusals_;
  EntryReader reader_;
  Syncer syncer_;
  // Observed, and not yet judged.
  std::vector<ResourceKey> unjudged_;
  std::optional<kube::Loop::TimerId> timer_;
  std::optional<kube::Loop::TimerId> flush_limit_;
  std::function<void()> on_flushed_;
  // What is running does not reach us when we are gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace k8sgw::status
