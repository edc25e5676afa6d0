#include "src/status/status_writer.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/model/custom_resources.h"
#include "src/status/verdict.h"

namespace k8sgw::status {
namespace {

constexpr char kFieldManager[] = "k8sgateway";

// What was observed is as a rule committed, and its verdict told, within this time. Only then is it compared.
constexpr std::chrono::milliseconds kUntilCommitted(200);
// While `leads` says no although SetLeading said yes, it is asked again this often.
constexpr std::chrono::milliseconds kLeastPause(5);

std::string WhatOf(Kind kind) { return Cat("statuses of ", FindCustomResource(KindName(kind))->plural); }

}  // namespace

Syncer::Outcome OutcomeOf(const kube::WriteResult& result, EntryReader& reader, Form form) {
  using Kind = Syncer::Outcome::Kind;
  if (result.status.ok()) return {Kind::kWritten, reader.ReadCopy(result.body, form)};
  const int code = result.details.code;
  if (code == 404) return {Kind::kMissing};
  // Also 403: that is missing rights, or a webhook that refuses this object.
  const bool failed = code < 400 || code == 401 || code == 403 || code == 429 || code >= 500;
  return {failed ? Kind::kFailed : Kind::kRefused, {}, result.details.retry_after};
}

kube::WriteRequest RequestOf(std::string_view ns, const Syncer::Write& write, const Entry& entry) {
  const CustomResource& kind = *FindCustomResource(KindName(write.object.kind));
  const kube::Resource resource{std::string(kind.group()), std::string(kind.version()), std::string(kind.plural),
                                write.object.ns};
  return kube::MergePatch({resource, write.object.name, kind.status_subresource ? "status" : ""},
                          PatchOf(ns, write.uid, entry, write.found, FormOf(write.object.kind)), kFieldManager);
}

StatusWriter::StatusWriter(kube::Loop& loop, kube::Writer& writer, Options options, kube::RandomFraction random,
                           VerdictOf verdict_of)
    : loop_(loop),
      writer_(writer),
      options_(std::move(options)),
      verdict_of_(std::move(verdict_of)),
      refusals_(options_.tell),
      reader_(options_.ns),
      syncer_(options_.sync, std::move(random)) {}

StatusWriter::~StatusWriter() {
  *alive_ = false;
  if (timer_) loop_.Cancel(*timer_);
  if (flush_limit_) loop_.Cancel(*flush_limit_);
}

void StatusWriter::Observe(const ResourceKey& key, const kube::RawObject& object) {
  if (ReporterOf(key.kind).empty()) return;
  const auto now = kube::Loop::Now();
  if (syncer_.Observe(now, key, object.meta.uid, reader_.Read(object.json, FormOf(key.kind)))) unjudged_.push_back(key);
  PumpAt(now + kUntilCommitted);
}

void StatusWriter::Gone(const ResourceKey& key) { syncer_.Gone(key); }

void StatusWriter::Committed(const std::vector<ResourceKey>& changed) {
  const auto now = kube::Loop::Now();
  const std::vector<ResourceKey> unjudged = std::exchange(unjudged_, {});
  for (const auto* keys : {&unjudged, &changed}) {
    for (const ResourceKey& key : *keys) {
      if (!syncer_.Knows(key)) continue;
      // What counts no longer has no verdict: a write that is due would find another one each time.
      const bool counts = !options_.counts || options_.counts(key);
      syncer_.Desire(now, key, counts ? verdict_of_(key).Hash() : 0);
    }
  }
  Pump();
}

void StatusWriter::SetLeading(bool leading) {
  syncer_.SetLeading(kube::Loop::Now(), leading);
  Pump();
}

void StatusWriter::Pump() {
  if (timer_) loop_.Cancel(*timer_);
  timer_.reset();
  while (!options_.leads || options_.leads()) {
    const auto write = syncer_.Next(kube::Loop::Now());
    if (!write) break;
    Send(*write);
  }
  if (const auto deadline = syncer_.deadline()) PumpAt(std::max(*deadline, kube::Loop::Now() + kLeastPause));
  if (!on_flushed_) return;
  const auto counters = syncer_.counters();
  if (!syncer_.leading() || counters.due + counters.in_flight == 0) EndFlush();
}

void StatusWriter::PumpAt(kube::Loop::Time when) {
  if (timer_ && timer_->first <= when) return;
  if (timer_) loop_.Cancel(*timer_);
  timer_ = loop_.At(when, [this] {
    timer_.reset();
    Pump();
  });
}

void StatusWriter::Send(const Syncer::Write& write) {
  writer_.Send(RequestOf(options_.ns, write, verdict_of_(write.object)),
               [this, alive = alive_, id = write.id, kind = write.object.kind](const kube::WriteResult& result) {
                 if (!*alive) return;
                 refusals_.Note(WhatOf(kind), "patch for them", result);
                 syncer_.OnResult(kube::Loop::Now(), id, OutcomeOf(result, reader_, FormOf(kind)));
                 Pump();
               });
}

void StatusWriter::Flush(std::chrono::milliseconds limit, std::function<void()> done) {
  on_flushed_ = std::move(done);
  flush_limit_ = loop_.At(kube::Loop::Now() + limit, [this] {
    flush_limit_.reset();
    EndFlush();
  });
  Pump();
}

void StatusWriter::EndFlush() {
  if (flush_limit_) loop_.Cancel(*flush_limit_);
  flush_limit_.reset();
  if (on_flushed_) std::exchange(on_flushed_, nullptr)();
}

}  // namespace k8sgw::status
