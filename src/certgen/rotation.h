// Which step is due for a certificate, its key and the authorities that are trusted. Pure: what is stored and the time
// in, what is to be stored out.
//
// A rotation never breaks a connection, because whoever connects trusts the authority of whatever is served, although
// both learn of changes late:
//   1. trust: the new authority is added to the trusted ones; the new pair waits beside the old one, which serves
//   2. serve: the new pair takes the place of the old one
//   3. finish: the old authority is removed
// Between two steps lies the time that it takes until everybody has what is stored. How far a rotation has come is
// stored with it, so that another run, or one after a crash, goes on with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "src/certgen/issue.h"

namespace k8sgw::certgen {

// What is stored; PEM texts, "" for what there is not.
struct Material {
  std::string certificate;
  std::string key;
  std::string authorities;
  // Of a rotation after its first step.
  std::string next_certificate;
  std::string next_key;
  // When the last step of an unfinished rotation was done.
  std::optional<int64_t> step_at;

  bool operator==(const Material&) const = default;
};

// Times are seconds.
struct Demand {
  Subject subject;
  int64_t valid_for = 0;
  // So long before its end a certificate is renewed.
  int64_t renew_before = 0;
  // The least time between two steps of a rotation.
  int64_t distance = 0;
};

enum class Step { kNone, kMake, kReplace, kTrust, kServe, kFinish };

struct Plan {
  Step step = Step::kNone;
  // What is to be stored; what is stored already for kNone.
  Material material;
  // For the log: why, or why not.
  std::string why;
  // When the next step of an unfinished rotation is due.
  std::optional<int64_t> next_at;
};

// `stored` is nullopt when there is nothing. What is stored and unusable (unreadable, expired, with other names, not
// signed by a trusted authority) is replaced at once; good authorities stay trusted beside the new one until the last
// step. `forced` begins a rotation when none is under way.
absl::StatusOr<Plan> PlanStep(const std::optional<Material>& stored, const Demand& demand, bool forced, int64_t now);

}  // namespace k8sgw::certgen
