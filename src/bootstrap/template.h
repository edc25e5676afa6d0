// The template of an Envoy's bootstrap, filled with what a pod knows of itself.
//
// Of the language of Go's templates, bootstraps use {{.Field}} and {{index .PodLabels "key"}} or .PodAnnotations. These
// are filled; anything else between {{ and }} is refused with its line, and nothing is guessed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/bootstrap/pod_info.h"

namespace k8sgw::bootstrap {

struct Filled {
  std::string text;
  // What was used and is not known, with its line: "" stands there now.
  std::vector<std::string> notices;
};

// Errors: "line N: what: how to mend it". A value with control characters, such as a line break, is refused too: it
// would write lines of its own into the bootstrap.
absl::StatusOr<Filled> Fill(std::string_view text, const PodInfo& pod);

}  // namespace k8sgw::bootstrap
