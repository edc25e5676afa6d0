#include "src/certgen/rotation.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/pem/pem.h"

namespace k8sgw::certgen {
namespace {

// Of what was replaced; more than a rotation, and one that somebody interrupted, can leave.
constexpr size_t kMaxOldAuthorities = 4;

struct Verdict {
  enum class Kind { kGood, kDue, kUnusable };
  Kind kind = Kind::kUnusable;
  std::string why;
};

Verdict Unusable(std::string why) { return {Verdict::Kind::kUnusable, std::move(why)}; }

// Those that the leaf needs.
pem::Certificates NeededBy(const pem::Certificates& chain, const pem::Certificates& authorities, int64_t now) {
  pem::Certificates needed;
  for (const pem::Certificate& authority : authorities) {
    if (pem::Verify(chain, {authority}, now).ok()) needed.push_back(authority);
  }
  return needed.empty() ? authorities : needed;
}

Verdict Judge(const std::string& certificate, const std::string& key, const std::string& authorities,
              const Demand& demand, int64_t now) {
  const auto pair = pem::ReadPair(certificate, key);
  if (!pair.ok()) return Unusable(std::string(pair.status().message()));
  const auto trusted = pem::ReadCertificates(authorities);
  if (!trusted.ok()) return Unusable(Cat("of the authorities, ", std::string(trusted.status().message())));
  if (const absl::Status status = pem::Verify(pair->chain, *trusted, now); !status.ok())
    return Unusable(std::string(status.message()));
  for (const std::string& name : demand.subject.Names()) {
    if (!pem::HasName(pair->chain.front(), name)) return Unusable(Cat("it is not for ", name));
  }
  const int64_t end = pem::EndOf(pair->chain, NeededBy(pair->chain, *trusted, now));
  const std::string until = Cat("it is good until ", pem::FormatTime(end));
  return {end - now <= demand.renew_before ? Verdict::Kind::kDue : Verdict::Kind::kGood, until};
}

// The good ones among them: what cannot be read, or has expired, helps nobody.
pem::Certificates StillGood(const std::string& authorities, int64_t now) {
  const auto all = pem::ReadCertificates(authorities);
  pem::Certificates good;
  if (!all.ok()) return good;
  for (const pem::Certificate& one : *all) {
    if (pem::NotAfter(one) > now && good.size() < kMaxOldAuthorities) good.push_back(one);
  }
  return good;
}

absl::StatusOr<Plan> Replace(const Material& old, const Demand& demand, std::string why, int64_t now) {
  auto issued = Issue(demand.subject, now, demand.valid_for);
  if (!issued.ok()) return issued.status();
  Plan plan{Step::kReplace, {}, std::move(why), std::nullopt};
  plan.material.certificate = std::move(issued->certificate);
  plan.material.key = std::move(issued->key);
  plan.material.authorities = std::move(issued->authority);
  if (const pem::Certificates others = StillGood(old.authorities, now); !others.empty()) {
    plan.material.authorities += pem::Write(others);
    plan.material.step_at = now;
    plan.next_at = now + demand.distance;
  }
  return plan;
}

absl::StatusOr<Plan> Trust(const Material& old, const Demand& demand, std::string why, int64_t now) {
  auto issued = Issue(demand.subject, now, demand.valid_for);
  if (!issued.ok()) return issued.status();
  const auto pair = pem::ReadPair(old.certificate, old.key);
  const auto authorities = pem::ReadCertificates(old.authorities);
  Plan plan{Step::kTrust, old, std::move(why), now + demand.distance};
  plan.material.authorities = pem::Write(NeededBy(pair->chain, *authorities, now)) + issued->authority;
  plan.material.next_certificate = std::move(issued->certificate);
  plan.material.next_key = std::move(issued->key);
  plan.material.step_at = now;
  return plan;
}

Plan Serve(const Material& old, const Demand& demand, std::string why, int64_t now) {
  Plan plan{Step::kServe, old, std::move(why), now + demand.distance};
  plan.material.certificate = std::exchange(plan.material.next_certificate, "");
  plan.material.key = std::exchange(plan.material.next_key, "");
  plan.material.step_at = now;
  return plan;
}

Plan Finish(const Material& old, int64_t now) {
  Plan plan{Step::kFinish, old, "everybody has the new certificate", std::nullopt};
  const auto pair = pem::ReadPair(old.certificate, old.key);
  plan.material.authorities = pem::Write(NeededBy(pair->chain, *pem::ReadCertificates(old.authorities), now));
  plan.material.step_at.reset();
  return plan;
}

}  // namespace

absl::StatusOr<Plan> PlanStep(const std::optional<Material>& stored, const Demand& demand, bool forced, int64_t now) {
  if (!stored) {
    auto plan = Replace({}, demand, "there is none", now);
    if (plan.ok()) plan->step = Step::kMake;
    return plan;
  }
  const Verdict verdict = Judge(stored->certificate, stored->key, stored->authorities, demand, now);
  const bool usable = verdict.kind != Verdict::Kind::kUnusable;
  // A clock that was far ahead must not stop a rotation.
  const int64_t step_at = stored->step_at.value_or(now);
  const int64_t due_at = step_at > now + demand.distance ? now : step_at + demand.distance;
  const bool waits = usable && stored->step_at && now < due_at;
  const bool has_next = !stored->next_certificate.empty() && stored->step_at &&
                        Judge(stored->next_certificate, stored->next_key, stored->authorities, demand, now).kind !=
                            Verdict::Kind::kUnusable;
  if (waits && (has_next || stored->next_certificate.empty()))
    return Plan{Step::kNone, *stored, "a rotation is under way", due_at};
  if (has_next) {
    return Serve(*stored, demand, usable ? "everybody trusts the new authority" : "the old certificate: " + verdict.why,
                 now);
  }
  if (!usable) return Replace(*stored, demand, verdict.why, now);
  if (stored->step_at && stored->next_certificate.empty()) return Finish(*stored, now);
  if (verdict.kind == Verdict::Kind::kDue) return Trust(*stored, demand, verdict.why, now);
  if (forced) return Trust(*stored, demand, "it is forced", now);
  if (stored->next_certificate.empty()) return Plan{Step::kNone, *stored, verdict.why, std::nullopt};
  // What waits cannot be used, and nothing is due: away with it, and with its authority.
  Plan plan = Finish(*stored, now);
  plan.why = "what was to come is unusable, and the old certificate is good";
  plan.material.next_certificate.clear();
  plan.material.next_key.clear();
  return plan;
}

}  // namespace k8sgw::certgen
