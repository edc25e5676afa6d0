// What the webhook says of one review, and how that is written.
#pragma once

#include <string>
#include <vector>

#include "src/admission/review.h"

namespace k8sgw::admission {

struct Verdict {
  bool allowed = true;
  // Why it is not allowed; empty when it is.
  Problems reasons = {};
  // What whoever applies the object is told although it is allowed.
  Problems warnings = {};
};

// The AdmissionReview that answers, as JSON. Bounded, whatever the number of problems.
std::string WriteAnswer(const Review& review, const Verdict& verdict);

}  // namespace k8sgw::admission
