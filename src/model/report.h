// What is wrong with users' objects: data that travels with results, never a log line alone and never an exception.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "src/model/resource.h"

namespace k8sgw {

// Errors reject the object (its last good version keeps serving); warnings do not, but validation may be told to refuse
// them. Notices look like warnings, and are held against nobody: what the published product does not speak of.
enum class Severity : uint8_t { kError, kWarning, kNotice };

struct Problem {
  ResourceKey object;
  Severity severity{};
  // Field path from the object's spec, such as `virtualHost.routes[2].options.cors`; "metadata.…" for metadata; "" for
  // the object as a whole.
  std::string path;
  // What is wrong: lower case, no full stop.
  std::string message;
  // How to mend it; may be empty.
  std::string fix;

  auto operator<=>(const Problem&) const = default;
  // "error: VirtualService default/a: virtualHost.domains: message: fix"; without what is empty.
  std::string ToString() const;
};

using Problems = std::vector<Problem>;

bool HasErrors(const Problems& problems);

// Sorted, without repetitions: the one order in which problems are shown.
void Normalize(Problems& problems);

}  // namespace k8sgw
