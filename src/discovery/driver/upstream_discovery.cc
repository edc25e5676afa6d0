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

// Whether the answer is about this object alone.
bool IsOfOne(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsAlreadyExists(status) || absl::IsNotFound(status) ||
         absl::IsInvalidArgument(status);
}

}  // namespace

UpstreamDiscovery::UpstreamDiscovery(Environment environment, Options options, Limits limits)
    : environment_(std::move(environment)),
      limits_(limits),
      reconciler_(options),
      write_namespace_(options.write_namespace),
      pause_(kOfAll, environment_.random),
      tokens_(limits.burst),
      refilled_(environment_.now()) {}

UpstreamDiscovery::~UpstreamDiscovery() { *alive_ = false; }

void UpstreamDiscovery::SetOptions(Options options) {
  write_namespace_ = options.write_namespace;
  reconciler_.SetOptions(std::move(options));
}

void UpstreamDiscovery::SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service) {
  reconciler_.SetService(ref, std::move(service));
}

void UpstreamDiscovery::SetStored(std::string_view padded) { reconciler_.SetStored(padded); }

void UpstreamDiscovery::RemoveStored(const std::string& name) { reconciler_.RemoveStored(name); }

void UpstreamDiscovery::Complete() { reconciler_.Complete(); }

void UpstreamDiscovery::SetLeading(bool leading) {
  leading_ = leading;
  Flush();
}

void UpstreamDiscovery::Flush() {
  const Time now = environment_.now();
  due_.merge(reconciler_.TakeDirty());
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second > now) {
      ++it;
    } else {
      due_.insert(it->first);
      it = waiting_.erase(it);
    }
  }
  if (!leading_) return;
  if (paused_until_ > now) return WakeAt(paused_until_);
  Refill(now);
  for (auto it = due_.begin(); it != due_.end() && running_.size() < limits_.at_once;) {
    // What runs or waits is looked at again after that.
    if (running_.contains(*it) || waiting_.contains(*it)) {
      ++it;
      continue;
    }
    const std::optional<Write> write = reconciler_.Decide(*it);
    if (write && tokens_ < 1) {
      const auto wait = std::chrono::duration<double>((1 - tokens_) / limits_.per_second);
      WakeAt(now + std::chrono::ceil<milliseconds>(wait));
      break;
    }
    if (!write) backoffs_.erase(*it);
    it = due_.erase(it);
    if (write) Send(*write);
  }
  for (const auto& [name, until] : waiting_) WakeAt(until);
}

void UpstreamDiscovery::Refill(Time now) {
  const std::chrono::duration<double> since = now - refilled_;
  tokens_ = std::min(limits_.burst, tokens_ + since.count() * limits_.per_second);
  refilled_ = now;
}

void UpstreamDiscovery::Send(const Write& write) {
  tokens_ -= 1;
  running_.insert(write.name);
  const kube::Resource upstreams{"gloo.solo.io", "v1", "upstreams", write_namespace_};
  const kube::Target target{upstreams, write.name};
  kube::WriteRequest request;
  switch (write.kind) {
    case Write::Kind::kCreate: request = kube::CreateObject(upstreams, write.body); break;
    case Write::Kind::kPatch: request = kube::MergePatch(target, write.body); break;
    case Write::Kind::kDelete: request = kube::DeleteObject(target, write.uid); break;
  }
  environment_.send(std::move(request),
                    [this, alive = alive_, name = write.name, kind = write.kind](const kube::WriteResult& result) {
                      if (*alive) OnDone(name, kind, result);
                    });
}

void UpstreamDiscovery::OnDone(const std::string& name, Write::Kind kind, const kube::WriteResult& result) {
  running_.erase(name);
  const bool is_gone = kind == Write::Kind::kDelete && (result.status.ok() || absl::IsNotFound(result.status));
  if (is_gone) {
    reconciler_.RemoveStored(name);
  } else if (result.status.ok()) {
    // The watch may tell much later.
    const std::string padded = result.body + std::string(yaml::kJsonPadding, '\0');
    reconciler_.SetStored(std::string_view(padded).substr(0, result.body.size()));
    // Something in the cluster takes out what we put in: that must not go round and round.
    if (reconciler_.Decide(name)) Postpone(name, {}, environment_.now());
  } else {
    OnError(name, result, environment_.now());
  }
  Flush();
}

void UpstreamDiscovery::OnError(const std::string& name, const kube::WriteResult& result, Time now) {
  const std::chrono::milliseconds asked = result.details.retry_after;
  const std::string words = Cat("Upstream ", write_namespace_, "/", name, ": ", std::string(result.status.message()));
  if (IsOfOne(result.status)) {
    Postpone(name, asked, now);
    // That somebody else was faster is no news.
    if (absl::IsInvalidArgument(result.status)) environment_.log(words);
    return;
  }
  due_.insert(name);
  // Several that were on their way fail together.
  if (paused_until_ > now) return;
  paused_until_ = now + std::max(pause_.Next(now), asked);
  environment_.log(words);
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
    Flush();
  });
}

}  // namespace k8sgw::discovery
