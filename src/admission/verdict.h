// What the webhook says of one review, and how that is written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/admission/pending.h"
#include "src/admission/review.h"
#include "src/validation/change_check.h"

namespace gloo::solo::io {
class Proxy;
}

namespace k8sgw::admission {

using Proxies = std::vector<gloov1::Proxy>;

struct Verdict {
  bool allowed = true;
  // Why it is not allowed; empty when it is.
  Problems reasons = {};
  // What whoever applies the object is told although it is allowed.
  Problems warnings = {};
  // What would be served, for reviews that ask for it and change something; else nullptr.
  std::shared_ptr<const Proxies> proxies = {};
  // They were asked for, and are too large.
  bool proxies_left_out = false;
  // What Envoy has yet to be asked, before the verdict is one; nullptr for nothing.
  std::shared_ptr<const validation::ChangeQuestion> question = {};
  // What counts in later reviews from then on, if Envoy's answer leaves the verdict as it is.
  std::vector<Pending::Allowed> then_counts = {};
};

// The AdmissionReview that answers, as JSON. Bounded, whatever the number of problems. Proxies stand beside the
// response, in the JSON mapping of protobuf, as in their YAML.
std::string WriteAnswer(const Review& review, const Verdict& verdict);

}  // namespace k8sgw::admission
