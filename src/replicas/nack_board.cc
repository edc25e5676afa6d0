#include "src/replicas/nack_board.h"

#include <algorithm>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/replicas/config_map.h"

namespace k8sgw::replicas {
namespace {

constexpr char kFieldManager[] = "k8sgateway";
// More replicas there are not. Whoever writes more keys is no replica.
constexpr size_t kMostOthers = 64;

void AppendKey(const std::string& key, std::string_view value, std::string& out) {
  out += Cat(out.empty() ? "" : ",", "\"", JsonEscaped(key), "\":", value);
}

// What is no ConfigMap has none.
yaml::Node DataOf(std::string_view padded) {
  absl::StatusOr<yaml::Node> root = yaml::FromJson(padded);
  const yaml::Node* data = root.ok() ? root->Find("data") : nullptr;
  return data ? *data : yaml::Node();
}

}  // namespace

NackBoard::NackBoard(BoardOptions options, kube::RandomFraction random)
    : options_(std::move(options)), backoff_(options_.failures, std::move(random)) {}

void NackBoard::Observe(Time now, std::string_view padded) {
  there_ = true;
  own_.reset();
  std::map<std::string, Other> before = std::exchange(others_, {});
  const yaml::Node data = DataOf(padded);
  for (const auto& [key, mark, value] : data.entries) {
    if (key == options_.replica) {
      own_ = value.scalar;
      continue;
    }
    if (others_.size() == kMostOthers) continue;
    Other& other = others_[key];
    if (const auto old = before.find(key); old != before.end()) {
      other = std::move(old->second);
      before.erase(old);
      if (other.text == value.scalar) continue;
    }
    other = {value.scalar, now, false, false};
    changed_.insert(key);
  }
  for (const auto& [key, gone] : before) changed_.insert(key);
}

void NackBoard::Gone() {
  there_ = false;
  own_.reset();
  for (const auto& [key, gone] : std::exchange(others_, {})) changed_.insert(key);
}

// Nobody is forgotten for what could not be heard.
void NackBoard::SetHeard(Time now, bool heard) {
  if (heard == heard_) return;
  heard_ = heard;
  if (!heard) {
    silent_since_ = now;
    return;
  }
  // After an outage they need time to say it again; a watch that was cut and goes on is none.
  const bool away = now - silent_since_ >= options_.renew;
  for (auto& [key, other] : others_) {
    other.since = away ? now : other.since + (now - std::max(silent_since_, other.since));
  }
}

void NackBoard::Say(Time now, std::string list) {
  if (list == list_) return;
  if (Difference().empty()) not_before_ = std::max(not_before_, now + options_.gather);
  list_ = std::move(list);
}

std::optional<std::string> NackBoard::Wanted() const {
  if (leading_ || list_.empty()) return std::nullopt;
  return Cat("{\"beat\":", beat_, ",\"refusals\":", list_, "}");
}

std::string NackBoard::Difference() const {
  std::string out;
  const std::optional<std::string> wanted = Wanted();
  if (wanted != own_) AppendKey(options_.replica, wanted ? Cat("\"", JsonEscaped(*wanted), "\"") : "null", out);
  if (!leading_) return out;
  for (const auto& [key, other] : others_) {
    if (other.stale && !other.taken) AppendKey(key, "null", out);
  }
  return out;
}

std::optional<kube::WriteRequest> NackBoard::Next(Time now) {
  if (in_flight_ || !there_ || now < not_before_) return std::nullopt;
  if (now >= renew_at_ && own_ && own_ == Wanted()) ++beat_;
  const std::string difference = Difference();
  if (difference.empty()) return std::nullopt;
  in_flight_ = true;
  for (auto& [key, other] : others_) other.taken = other.stale && leading_;
  renew_at_ = now + options_.renew;
  return kube::MergePatch({ConfigMapsIn(options_.ns), kConfigMap}, Cat("{\"data\":{", difference, "}}"), kFieldManager);
}

void NackBoard::OnResult(Time now, const kube::WriteResult& result) {
  in_flight_ = false;
  if (!result.status.ok()) {
    for (auto& [key, other] : others_) other.taken = false;
    const auto wait = std::max<BoardOptions::Duration>(backoff_.Next(now), result.details.retry_after);
    not_before_ = std::max(not_before_, now + wait);
    return;
  }
  if (!hurried_) not_before_ = std::max(not_before_, now + options_.rest);
  // Of our key alone: the watch may have told something newer of the others.
  const yaml::Padded padded(result.body);
  const yaml::Node data = DataOf(padded.view());
  const yaml::Node* own = data.Find(options_.replica);
  own_ = own ? std::optional(own->scalar) : std::nullopt;
}

std::map<std::string, std::string> NackBoard::TakeChanged(Time now) {
  for (auto& [key, other] : others_) {
    if (!heard_ || other.stale || now < other.since + options_.stale) continue;
    other.stale = true;
    changed_.insert(key);
  }
  std::map<std::string, std::string> out;
  for (const std::string& key : std::exchange(changed_, {})) {
    const auto other = others_.find(key);
    out[key] = other == others_.end() || other->second.stale ? "" : other->second.text;
  }
  return out;
}

std::optional<NackBoard::Time> NackBoard::deadline() const {
  std::optional<Time> next;
  const auto add = [&](Time time) { next = std::min(next.value_or(time), time); };
  if (there_ && !in_flight_) {
    if (!Difference().empty()) {
      add(not_before_);
    } else if (Wanted()) {
      add(std::max(renew_at_, not_before_));
    }
  }
  for (const auto& [key, other] : others_) {
    if (heard_ && !other.stale) add(other.since + options_.stale);
  }
  return next;
}

}  // namespace k8sgw::replicas
