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

// A replica may serve parts of a divided table that we have no Envoy for: of these only it knows.
bool Counts(const NackInForce& nack, const xds::Resource* now) {
  if (nack.version.empty()) return true;
  if (!now) return nack.type == xds::Type::kRoute || nack.type == xds::Type::kScope;
  return now->version == nack.version || (now->with_module && now->with_module->version == nack.version);
}

}  // namespace

void Nacks::Report(const xds::Nack& nack, const envoy::Translation& envoy) {
  for (const xds::Refused& refused : nack.resources) {
    Problems problems = ReportNack(nack, refused, envoy);
    if (problems.empty()) continue;
    const std::string part = PartOf(nack.role, nack.type, refused.name);
    ++own_changes_;
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
    const NackInForce& other = others_[{part, replica}] = std::move(nack);
    Place(part, replica, other, find_(other.role, other.type, other.name));
  }
}

void Nacks::Place(const std::string& part, const std::string& replica, const NackInForce& nack,
                  const xds::Resource* now) {
  problems_.Set(kSource, PartOf(part, replica), Counts(nack, now) ? nack.problems : Problems(), nack.role);
}

void Nacks::Settle(const std::string& role, const xds::Update& update) {
  if (own_.empty() && others_.empty()) return;
  for (const auto& resource : update.put) SettleOne(role, resource->type, resource->name, resource.get());
  for (const auto& [type, name] : update.removed) SettleOne(role, type, name, nullptr);
}

void Nacks::SettleOne(const std::string& role, xds::Type type, const std::string& name, const xds::Resource* now) {
  const std::string part = PartOf(role, type, name);
  if (own_.erase(part) > 0) {
    ++own_changes_;
    problems_.Set(kSource, part, {});
  }
  for (auto it = others_.lower_bound({part, ""}); it != others_.end() && it->first.first == part; ++it)
    Place(part, it->first.second, it->second, now);
}

std::vector<NackInForce> Nacks::Own() const {
  std::vector<NackInForce> own;
  own.reserve(own_.size());
  for (const auto& [part, nack] : own_) own.push_back(nack);
  return own;
}

}  // namespace k8sgw
