// What an API server refuses us for want of a right: told once, until it is taken again. Other failures pass, and
// whoever watches tells of them.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "src/base/text.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::kube {

class Refusals {
 public:
  // May be empty.
  using Tell = std::function<void(const std::string& message)>;

  explicit Refusals(Tell tell) : tell_(std::move(tell)) {}

  // `what` as in "statuses of upstreams"; `rights` are those that it takes.
  void Note(const std::string& what, const std::string& rights, const WriteResult& result) {
    if (!tell_) return;
    if (result.status.ok()) {
      if (refused_.erase(what) > 0) tell_(Cat(what, " can be written again"));
    } else if (result.details.code == 403 && refused_.insert(what).second) {
      tell_(Cat(what, " cannot be written: ", std::string(result.status.message()), ": grant ", rights));
    }
  }

 private:
  const Tell tell_;
  std::set<std::string> refused_;
};

}  // namespace k8sgw::kube
