#include "src/certgen/certgen.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/pem/pem.h"

namespace k8sgw::certgen {
namespace {

constexpr int kTries = 20;

std::string_view Words(Step step) {
  switch (step) {
    case Step::kNone: return "nothing to do";
    case Step::kMake: return "certificate made";
    case Step::kReplace: return "certificate replaced";
    case Step::kTrust: return "rotation, step 1 of 3: the new authority is trusted beside the old one";
    case Step::kServe: return "rotation, step 2 of 3: the new certificate is served";
    case Step::kFinish: return "rotation, step 3 of 3: the old authority is trusted no longer";
  }
  return "";
}

// What is stored afterwards, by us or by others.
absl::StatusOr<Plan> DoStep(const RunOptions& options, bool force, Store& store, const World& world) {
  for (int i = 0; i < kTries; ++i) {
    const auto stored = store.Read();
    if (!stored.ok()) return stored.status();
    auto plan = PlanStep(*stored, options.demand, force, world.now());
    if (!plan.ok() || plan->step == Step::kNone) return plan;
    const absl::Status status = store.Write(plan->material);
    if (status.ok()) return plan;
    if (status.code() != absl::StatusCode::kAborted) return status;
    // Whoever wrote has done what was forced.
    force = false;
  }
  return absl::AbortedError(Cat(store.name(), " is written by others all the time: end them, and try again"));
}

}  // namespace

absl::Status Run(const RunOptions& options, Store& store, const World& world) {
  bool force = options.force;
  for (;;) {
    const auto plan = DoStep(options, std::exchange(force, false), store, world);
    if (!plan.ok()) return plan.status();
    world.log(Cat(store.name(), ": ", Words(plan->step), " (", plan->why, ")"));
    if (world.tell) {
      const auto told = world.tell(store);
      if (!told.ok()) return told.status();
      if (*told) world.log("the webhook's caBundle is set");
    }
    if (!plan->next_at) return absl::OkStatus();
    if (!options.wait) {
      world.log(Cat("the next step is for a run after ", pem::FormatTime(*plan->next_at)));
      return absl::OkStatus();
    }
    world.sleep(std::max<int64_t>(*plan->next_at - world.now(), 1));
  }
}

}  // namespace k8sgw::certgen
