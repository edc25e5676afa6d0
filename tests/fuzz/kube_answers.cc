// What an API server may answer, to the reflector: the first byte says to which request and in what pieces, the rest is
// the answer. In whatever pieces it comes, it must mean the same.
#include <map>
#include <string>

#include "src/sources/kube/reflector.h"
#include "src/sources/kube/served.h"
#include "tests/fuzz/require.h"

namespace k8sgw::fuzz {
namespace {

using kube::Actions;
using kube::Reflector;

struct Outcome {
  std::map<std::string, std::string> known;
  std::string version;
  int phase = 0;
  bool asks = false;

  bool operator==(const Outcome&) const = default;
};

void Apply(const Actions& actions, Outcome& outcome, bool& open) {
  for (const kube::Batch& batch : actions.batches) {
    for (const kube::Event& event : batch.events) {
      const std::string key = event.object.meta.namespace_ + "/" + event.object.meta.name;
      if (event.kind == kube::Event::Kind::kUpsert)
        outcome.known[key] = event.object.json;
      else
        outcome.known.erase(key);
    }
  }
  outcome.asks = outcome.asks || actions.fetch.has_value();
  if (actions.cancel || actions.fetch) open = false;
}

Outcome Take(std::string_view answer, int code, bool pages, size_t piece) {
  kube::ReflectorOptions options;
  options.watch_list = !pages;
  options.max_line_bytes = options.max_page_bytes = 8192;
  Reflector reflector({"g.x", "v1", "xs", ""}, options, [] { return 0.5; });
  Outcome outcome;
  bool open = true;
  const Reflector::Time now{std::chrono::hours(1)};
  reflector.Start(now);
  reflector.OnHead(now, code, std::chrono::seconds(0));
  for (size_t at = 0; at < answer.size() && open; at += piece)
    Apply(reflector.OnBytes(now, answer.substr(at, piece)), outcome, open);
  if (open) Apply(reflector.OnEnd(now, absl::OkStatus()), outcome, open);
  outcome.version = reflector.resource_version();
  outcome.phase = static_cast<int>(reflector.health().phase);
  Require(reflector.deadline().has_value(), "it never stops");
  Require(reflector.size() == outcome.known.size(), "it knows what it told");
  Require(reflector.health().synced || outcome.known.empty(), "nothing is told before the first complete set");
  return outcome;
}

}  // namespace
}  // namespace k8sgw::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool pages = (data[0] & 1) != 0;
  const int code = (data[0] & 2) != 0 ? 422 : 200;
  const size_t piece = 1 + (data[0] >> 2);
  using k8sgw::fuzz::Take;
  const k8sgw::kube::Resource xs{"g.x", "v1", "xs", ""};
  k8sgw::fuzz::Require(!k8sgw::kube::LacksResource(answer, xs) || !k8sgw::kube::LacksVersion(answer, xs),
                       "it answers one question");
  k8sgw::fuzz::Require(Take(answer, code, pages, piece) == Take(answer, code, pages, 4096), "pieces do not matter");
  return 0;
}
