#include "src/discovery/driver/upstream_discovery.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::discovery {
namespace {

using std::chrono::milliseconds;

constexpr kube::Backoff::Options kOfOne{milliseconds(500), milliseconds(60'000), milliseconds(300'000)};
constexpr kube::Backoff::Options kOfAll{milliseconds(500), milliseconds(30'000), milliseconds(120'000)};

constexpr milliseconds kLongestPause(300'000);
// The more are refused, the longer each waits: when none may be written, that is no load for the server.
constexpr milliseconds kBetweenRefused(100);
// The same refusals again are said so often.
constexpr milliseconds kSayAgain(60'000);
// How soon to look again whether we lead, when only the clock says that we do not.
constexpr milliseconds kLeadAgain(1'000);

enum class Fault { kConflict, kOfOne, kOfServer };

Fault FaultOf(const kube::WriteResult& result, Write::Kind kind) {
  const absl::Status& status = result.status;
  if (absl::IsAborted(status) || absl::IsAlreadyExists(status)) return Fault::kConflict;
  // The watch will tell that it is gone.
  if (absl::IsNotFound(status) && kind != Write::Kind::kCreate) return Fault::kConflict;
  const int code = result.details.code;
  return code == 0 || code == 401 || code == 429 || code == 503 ? Fault::kOfServer : Fault::kOfOne;
}

}  // namespace

UpstreamDiscovery::UpstreamDiscovery(Environment environment, Options options, Limits limits)
    : environment_(std::move(environment)),
      limits_(limits),
      reconciler_(std::move(options)),
      pause_(kOfAll, environment_.random),
      limit_(limits.rate, environment_.now()) {}

UpstreamDiscovery::~UpstreamDiscovery() { *alive_ = false; }

void UpstreamDiscovery::SetOptions(Options options) { reconciler_.SetOptions(std::move(options)); }

void UpstreamDiscovery::SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service) {
  reconciler_.SetService(ref, std::move(service));
}

void UpstreamDiscovery::Observe(const kube::Event& upstream) {
  const kube::ObjectMeta& meta = upstream.object.meta;
  if (upstream.kind == kube::Event::Kind::kDelete) {
    reconciler_.RemoveStored({meta.namespace_, meta.name});
    Told({meta.namespace_, meta.name});
  } else {
    Told(reconciler_.SetStored(upstream.object.json));
  }
}

void UpstreamDiscovery::SetStored(std::string_view padded) { Told(reconciler_.SetStored(padded)); }

void UpstreamDiscovery::RemoveStored(const std::string& name) {
  const UpstreamRef ref{reconciler_.options().write_namespace, name};
  reconciler_.RemoveStored(ref);
  Told(ref);
}

void UpstreamDiscovery::Told(const UpstreamRef& ref) {
  const auto running = running_.find(ref.name.str());
  if (running != running_.end() && running->second.upstream == ref) running->second.told = true;
}

void UpstreamDiscovery::Complete() { reconciler_.Complete(); }

void UpstreamDiscovery::SetHeard(std::string_view plural, const std::string& ns, bool heard) {
  // What was heard is not all told before the next Flush, and what runs until then must not think it is.
  const std::pair<std::string, std::string> watch(plural, ns);
  if (heard) {
    newly_heard_.insert(watch);
  } else {
    newly_heard_.erase(watch);
    reconciler_.SetHeard(plural, ns, false);
  }
}

void UpstreamDiscovery::SetLeading(bool leading) {
  if (leading == std::exchange(leading_, leading)) return;
  if (leading) reconciler_.MarkAll();
  Pump();
}

void UpstreamDiscovery::Flush() {
  for (const auto& [plural, ns] : std::exchange(newly_heard_, {})) reconciler_.SetHeard(plural, ns, true);
  TellProblems();
  Pump();
}

void UpstreamDiscovery::TellProblems() {
  if (!reconciler_.TakeProblemsChanged()) return;
  const Problems problems = reconciler_.problems();
  std::set<Problem> now(problems.begin(), problems.end());
  for (const Problem& problem : now) {
    if (!told_.contains(problem)) environment_.log(problem.ToString());
  }
  for (const Problem& problem : told_) {
    if (!now.contains(problem) && environment_.log_mended) environment_.log_mended(problem.ToString());
  }
  told_ = std::move(now);
}

void UpstreamDiscovery::Pump() {
  const Time now = environment_.now();
  std::set<std::string> dirty = reconciler_.TakeDirty();
  if (!leading_) {
    // Who leads later looks at everything; until then nothing piles up.
    due_.clear();
    waiting_.clear();
    backoffs_.clear();
    refused_.clear();
    return;
  }
  due_.merge(std::move(dirty));
  if (!Leads()) return WakeAt(now + kLeadAgain);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second > now) {
      ++it;
    } else {
      due_.insert(it->first);
      it = waiting_.erase(it);
    }
  }
  if (paused_until_ > now) return WakeAt(paused_until_);
  for (auto it = due_.begin(); it != due_.end() && running_.size() < limits_.at_once;) {
    // What runs or waits is looked at again after that.
    if (running_.contains(*it) || waiting_.contains(*it)) {
      ++it;
      continue;
    }
    const std::optional<Write> write = reconciler_.Decide(*it);
    if (write && !limit_.Ready(now)) {
      WakeAt(limit_.next());
      break;
    }
    if (!write) {
      backoffs_.erase(*it);
      refused_.erase(*it);
    }
    it = due_.erase(it);
    if (write) Send(*write);
  }
  for (const auto& [name, until] : waiting_) WakeAt(until);
}

void UpstreamDiscovery::Send(const Write& write) {
  limit_.Take();
  const UpstreamRef& ref = write.upstream;
  running_[ref.name.str()] = {ref, write.kind};
  const kube::Resource upstreams{"gloo.solo.io", "v1", "upstreams", ref.ns.str()};
  const kube::Target target{upstreams, ref.name.str()};
  kube::WriteRequest request;
  switch (write.kind) {
    case Write::Kind::kCreate: request = kube::CreateObject(upstreams, write.body); break;
    case Write::Kind::kPatch: request = kube::MergePatch(target, write.body); break;
    case Write::Kind::kDelete: request = kube::DeleteObject(target, write.uid, write.version); break;
  }
  environment_.send(std::move(request), [this, alive = alive_, name = ref.name.str()](const kube::WriteResult& result) {
    if (*alive) OnDone(name, result);
  });
}

void UpstreamDiscovery::OnDone(const std::string& name, const kube::WriteResult& result) {
  const Running was = running_.extract(name).mapped();
  if (result.status.ok() || (was.kind == Write::Kind::kDelete && absl::IsNotFound(result.status))) {
    OnWritten(was, result);
  } else {
    OnError(was, result, environment_.now());
  }
  Pump();
}

void UpstreamDiscovery::OnWritten(const Running& was, const kube::WriteResult& result) {
  const std::string& name = was.upstream.name.str();
  if (refused_.erase(name) > 0) {
    // What stood in its way did in that of others, too.
    for (const std::string& other : refused_) waiting_.erase(other);
    due_.merge(std::exchange(refused_, {}));
  }
  switch (was.kind) {
    case Write::Kind::kCreate: ++counters_.created; break;
    case Write::Kind::kPatch: ++counters_.changed; break;
    case Write::Kind::kDelete: ++counters_.deleted; break;
  }
  // The watch may tell much later. When it has told something already, that may be newer than this answer, and what is
  // newest it tells in any case.
  if (!was.told && was.kind == Write::Kind::kDelete) {
    reconciler_.RemoveStored(was.upstream);
  } else if (!was.told) {
    reconciler_.SetStored(yaml::Padded(result.body).view());
  }
  // Something in the cluster takes out what we put in: that must not go round and round.
  if (reconciler_.Decide(name)) Postpone(name, {}, environment_.now());
}

void UpstreamDiscovery::OnError(const Running& was, const kube::WriteResult& result, Time now) {
  const std::string& name = was.upstream.name.str();
  const std::chrono::milliseconds asked = std::min<milliseconds>(result.details.retry_after, kLongestPause);
  const std::string words = Cat("Upstream ", was.upstream.ToString(), ": ", std::string(result.status.message()));
  switch (FaultOf(result, was.kind)) {
    case Fault::kConflict:
      // No news for anybody.
      ++counters_.conflicts;
      return Postpone(name, asked, now);
    case Fault::kOfOne:
      ++counters_.refused;
      if (refused_.insert(name).second || now >= say_again_) {
        say_again_ = now + kSayAgain;
        environment_.log(words);
      }
      return Postpone(name,
                      std::max(asked, std::min<milliseconds>(kBetweenRefused * static_cast<int64_t>(refused_.size()),
                                                             kLongestPause)),
                      now);
    case Fault::kOfServer:
      ++counters_.failed;
      due_.insert(name);
      // Several that were on their way fail together.
      if (paused_until_ > now) return;
      paused_until_ = now + std::max(pause_.Next(now), asked);
      environment_.log(words);
  }
}

void UpstreamDiscovery::Postpone(const std::string& name, std::chrono::milliseconds at_least, Time now) {
  kube::Backoff& backoff = backoffs_.try_emplace(name, kOfOne, environment_.random).first->second;
  waiting_[name] = now + std::max(backoff.Next(now), at_least);
}

void UpstreamDiscovery::WakeAt(Time when) {
  if (wake_at_ && *wake_at_ <= when) return;
  wake_at_ = when;
  environment_.at(when, [this, alive = alive_, when] {
    if (!*alive) return;
    if (wake_at_ == when) wake_at_.reset();
    Pump();
  });
}

}  // namespace k8sgw::discovery
