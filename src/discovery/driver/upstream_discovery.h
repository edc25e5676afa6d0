// Keeps the discovered Upstreams of a cluster as they should be: what Reconciler decides is sent to the API server.
//
// Writes leave while this replica leads, at a bounded rate, a few at once, one at a time for each Upstream. After each
// answer the decision is made anew with what is known by then. An Upstream that somebody else changed meanwhile, or
// that the server refuses, is tried again alone, later and later; when nothing can be written, everything waits.
// Everything belongs to one thread, that of the loop behind Environment.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "src/discovery/reconciler.h"
#include "src/sources/kube/backoff.h"
#include "src/sources/kube/call_limit.h"
#include "src/sources/kube/world.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::discovery {

class UpstreamDiscovery {
 public:
  using Time = kube::Backoff::Time;

  // The world around it; injected, so that tests have their own.
  struct Environment {
    std::function<Time()> now;
    std::function<void(Time, std::function<void()>)> at;
    // As kube::Writer::Send; `done` is called later, never from within.
    std::function<void(kube::WriteRequest, kube::Writer::Done)> send;
    kube::RandomFraction random;
    // What went wrong, or is wrong with a Service, in words.
    std::function<void(const std::string&)> log;
    // Asked before each write, besides SetLeading: whether we lead at this moment. May be empty.
    std::function<bool()> leads{};
    // What is wrong with a Service no more. May be empty.
    std::function<void(const std::string&)> log_mended{};
  };
  struct Limits {
    kube::CallRate rate{};
    size_t at_once = 8;
  };
  // Of answers.
  struct Counters {
    uint64_t created = 0;
    uint64_t changed = 0;
    uint64_t deleted = 0;
    // Somebody else was faster.
    uint64_t conflicts = 0;
    // The server does not take it: it is wrong, forbidden, or too large.
    uint64_t refused = 0;
    // No answer, or one about the server's own troubles.
    uint64_t failed = 0;

    bool operator==(const Counters&) const = default;
  };

  UpstreamDiscovery(Environment environment, Options options, Limits limits);
  ~UpstreamDiscovery();
  UpstreamDiscovery(const UpstreamDiscovery&) = delete;
  UpstreamDiscovery& operator=(const UpstreamDiscovery&) = delete;

  // --- what is known; see Reconciler
  void SetOptions(Options options);
  void SetRate(kube::CallRate rate) { limit_.Set(rate); }
  void SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service);
  // Of the watches of Upstreams, in all namespaces.
  void Observe(const kube::Event& upstream);
  // The same for one in the namespace of discovered ones.
  void SetStored(std::string_view padded);
  void RemoveStored(const std::string& name);
  void Complete();
  // May be called before what was heard is told: that it was heard counts from the next Flush.
  void SetHeard(std::string_view plural, const std::string& ns, bool heard);
  // Sends what follows from all that was told; call it after a batch of the above.
  void Flush();

  void SetLeading(bool leading);

  // Nothing is left to be written, and nothing is on its way.
  bool IsSettled() const { return due_.empty() && running_.empty() && waiting_.empty(); }
  const Reconciler& reconciler() const { return reconciler_; }
  const Counters& counters() const { return counters_; }
  // Services that get no Upstream, or not the one that they ask for: whoever leads, and whoever does not, says so in
  // the log when one comes and when it goes, as nothing else has a place for it.
  size_t problems() const { return told_.size(); }

 private:
  struct Running {
    UpstreamRef upstream;
    Write::Kind kind{};
    // The watch has said something about it since it left.
    bool told = false;
  };

  bool Leads() const { return leading_ && (!environment_.leads || environment_.leads()); }
  void TellProblems();
  void Pump();
  void Send(const Write& write);
  void Told(const UpstreamRef& ref);
  void OnDone(const std::string& name, const kube::WriteResult& result);
  void OnWritten(const Running& was, const kube::WriteResult& result);
  void OnError(const Running& was, const kube::WriteResult& result, Time now);
  void Postpone(const std::string& name, std::chrono::milliseconds at_least, Time now);
  void WakeAt(Time when);

  const Environment environment_;
  const Limits limits_;
  Reconciler reconciler_;
  std::set<std::pair<std::string, std::string>> newly_heard_;
  Counters counters_;
  std::set<Problem> told_;
  bool leading_ = false;
  std::set<std::string> due_;
  std::map<std::string, Running> running_;
  // Names that failed, and until when they wait.
  std::map<std::string, Time> waiting_;
  std::map<std::string, kube::Backoff> backoffs_;
  std::set<std::string> refused_;
  Time say_again_{};
  // When nothing could be written.
  kube::Backoff pause_;
  Time paused_until_{};
  kube::CallLimit limit_;
  // Timers and answers that come when this is gone find it gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::optional<Time> wake_at_;
};

}  // namespace k8sgw::discovery
