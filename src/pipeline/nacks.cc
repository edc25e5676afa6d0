#include "src/pipeline/nacks.h"

#include "src/base/text.h"
#include "src/pipeline/nack_report.h"

namespace k8sgw {
namespace {

// In the table of problems.
constexpr char kSource[] = "nack";

std::string PartOf(const std::string& role, xds::Type type, const std::string& name) {
  return Cat(role, " ", xds::TypeUrl(type), " ", name);
}

std::string PartOf(const std::string& part, const std::string& replica) { return Cat("of ", replica, ": ", part); }

}  // namespace

void Nacks::Report(const xds::Nack& nack, const envoy::Translation& envoy) {
  for (const xds::Refused& refused : nack.resources) {
    Problems problems = ReportNack(nack, refused, envoy);
    if (problems.empty()) continue;
    const std::string part = PartOf(nack.role, nack.type, refused.name);
    own_[part] = {nack.role, nack.type, refused.name, refused.resource ? refused.resource->version : "", problems};
    problems_.Set(kSource, part, std::move(problems), nack.role);
  }
}

void Nacks::SetOf(const std::string& replica, std::vector<NackInForce> nacks) {
  std::map<std::string, NackInForce> now;
  for (NackInForce& nack : nacks) {
    std::string part = PartOf(nack.role, nack.type, nack.name);
    now.insert_or_assign(std::move(part), std::move(nack));
  }
  std::erase_if(others_, [&](const auto& other) {
    const bool gone = other.first.second == replica && !now.contains(other.first.first);
    if (gone) problems_.Set(kSource, PartOf(other.first.first, replica), {});
    return gone;
  });
  for (auto& [part, nack] : now) {
    others_[{part, replica}] = nack.version;
    problems_.Set(kSource, PartOf(part, replica), std::move(nack.problems), nack.role);
  }
}

void Nacks::Settle(const std::string& role, const xds::Update& update) {
  if (own_.empty() && others_.empty()) return;
  for (const auto& resource : update.put) SettleOne(role, resource->type, resource->name, resource.get());
  for (const auto& [type, name] : update.removed) SettleOne(role, type, name, nullptr);
}

void Nacks::SettleOne(const std::string& role, xds::Type type, const std::string& name, const xds::Resource* now) {
  const std::string part = PartOf(role, type, name);
  if (own_.erase(part) > 0) problems_.Set(kSource, part, {});
  for (auto it = others_.lower_bound({part, ""}); it != others_.end() && it->first.first == part;) {
    const std::string& refused = it->second;
    if (now && (now->version == refused || (now->with_module && now->with_module->version == refused))) {
      ++it;
      continue;
    }
    problems_.Set(kSource, PartOf(part, it->first.second), {});
    it = others_.erase(it);
  }
}

std::vector<NackInForce> Nacks::Own() const {
  std::vector<NackInForce> own;
  own.reserve(own_.size());
  for (const auto& [part, nack] : own_) own.push_back(nack);
  return own;
}

}  // namespace k8sgw
