// The real Envoy's word on a change, before it is made.
#pragma once

#include <memory>

#include "src/validation/envoy_runner.h"
#include "src/validation/pieces.h"

namespace k8sgw::validation {

struct ChangeQuestion {
  // What would be served with the change, and what would be without it. Neither is nullptr.
  std::shared_ptr<const Pieces> with;
  std::shared_ptr<const Pieces> without;
};

// Asks about the whole configuration with the change. Empty when Envoy accepts it. What it refuses stands on the object
// that causes it, as far as one among the new pieces can be found in time. A configuration that it refuses without the
// change, too, is only a warning: else nothing could be changed any more. Errors are also told when Envoy cannot be
// asked, or takes too long. Takes seconds; on any thread.
Problems AskAboutChange(const ChangeQuestion& question, const EnvoyCall& call);

}  // namespace k8sgw::validation
