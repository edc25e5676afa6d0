#include "src/replicas/nack_exchange.h"

#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/replicas/config_map.h"
#include "src/replicas/nack_list.h"

namespace k8sgw::replicas {
namespace {

// Of keys of a ConfigMap.
constexpr size_t kMostKeyBytes = 253;

BoardOptions Board(const NackExchange::Options& options) {
  BoardOptions board;
  board.ns = options.ns;
  for (const char c : options.identity) {
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    board.replica += good ? c : '-';
  }
  // What differs stands at the end.
  if (board.replica.size() > kMostKeyBytes) board.replica.erase(0, board.replica.size() - kMostKeyBytes);
  return board;
}

}  // namespace

NackExchange::NackExchange(kube::Loop& loop, kube::Writer& writer, Options options, kube::RandomFraction random,
                           Take take)
    : loop_(loop),
      writer_(writer),
      options_(std::move(options)),
      take_(std::move(take)),
      refusals_(options_.tell),
      board_(Board(options_), std::move(random)) {}

NackExchange::~NackExchange() {
  *alive_ = false;
  if (timer_) loop_.Cancel(*timer_);
  if (flush_limit_) loop_.Cancel(*flush_limit_);
}

void NackExchange::Begin(const kube::Follow& follow) {
  kube::ReflectorOptions options;
  options.field_selector = Cat("metadata.name=", kConfigMap);
  watch_ = follow(ConfigMapsIn(options_.ns), std::move(options),
                  {[this](const kube::Batch& batch) { OnBatch(batch); },
                   [this](const kube::Health& health) {
                     board_.SetHeard(kube::Loop::Now(), health.phase == kube::Health::Phase::kWatching);
                     Pump();
                   }});
}

void NackExchange::OnBatch(const kube::Batch& batch) {
  for (const kube::Event& event : batch.events) {
    if (event.object.meta.name != kConfigMap) continue;
    if (event.kind == kube::Event::Kind::kDelete) {
      board_.Gone();
    } else {
      board_.Observe(kube::Loop::Now(), event.object.json);
    }
  }
  Pump();
}

void NackExchange::Say(const std::vector<NackInForce>& nacks) {
  size_t left_out = 0;
  board_.Say(kube::Loop::Now(), WriteNacks(nacks, kMostListBytes, &left_out));
  if (left_out == 0 || !board_.is_read()) {
    told_.erase("");
  } else if (told_.insert("").second) {
    Tell(Cat("too long for the leader: ", left_out, " of what Envoys refuse here comes into no status"));
  }
  Pump();
}

void NackExchange::SetLeading(bool leading) {
  board_.SetLeading(leading);
  Pump();
}

void NackExchange::Flush(std::chrono::milliseconds limit, std::function<void()> done) {
  on_flushed_ = std::move(done);
  board_.Hurry();
  Pump();
  if (!board_.is_writing()) return EndFlush();
  flush_limit_ = loop_.At(kube::Loop::Now() + limit, [this] {
    flush_limit_.reset();
    EndFlush();
  });
}

void NackExchange::EndFlush() {
  if (flush_limit_) loop_.Cancel(*flush_limit_);
  flush_limit_.reset();
  if (on_flushed_) std::exchange(on_flushed_, nullptr)();
}

void NackExchange::Pump() {
  if (!watch_) return;
  for (const auto& [replica, text] : board_.TakeChanged(kube::Loop::Now())) Read(replica, text);
  if (auto request = board_.Next(kube::Loop::Now())) {
    writer_.Send(*std::move(request), [this, alive = alive_](const kube::WriteResult& result) {
      if (!*alive) return;
      refusals_.Note(Cat("what Envoys refuse, in the ConfigMap ", kConfigMap, ","), "patch for it", result);
      board_.OnResult(kube::Loop::Now(), result);
      Pump();
      if (!board_.is_writing()) EndFlush();
    });
  }
  if (timer_) loop_.Cancel(*timer_);
  timer_.reset();
  if (const auto deadline = board_.deadline()) {
    timer_ = loop_.At(*deadline, [this] {
      timer_.reset();
      Pump();
    });
  }
}

// What makes no sense says nothing, and is told once.
void NackExchange::Read(const std::string& replica, const std::string& text) {
  absl::StatusOr<NackList> list = text.empty() ? NackList() : ReadNacks(text);
  std::string fault;
  if (!list.ok()) {
    fault = std::string(list.status().message());
  } else if (list->left_out > 0) {
    fault = Cat(list->left_out, " entries of it make no sense");
  }
  if (fault.empty()) {
    told_.erase(replica);
  } else if (told_.insert(replica).second) {
    Tell(Cat("what ", replica, " says in the ConfigMap ", kConfigMap, " is ignored: ", Printable(fault)));
  }
  take_(replica, list.ok() ? std::move(list->nacks) : std::vector<NackInForce>());
}

void NackExchange::Tell(const std::string& message) const {
  if (options_.tell) options_.tell(message);
}

}  // namespace k8sgw::replicas
