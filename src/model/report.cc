#include "src/model/report.h"

#include <algorithm>

namespace k8sgw {

std::string Problem::ToString() const {
  std::string out = severity == Severity::kError ? "error: " : "warning: ";
  // Of what is wrong with a whole file, nobody can say the object.
  const std::string subject = object.name.empty() ? "" : object.ToString();
  std::string_view separator;
  for (const std::string* part : {&subject, &path, &message, &fix}) {
    if (part->empty()) continue;
    out += separator;
    out += *part;
    separator = ": ";
  }
  return out;
}

bool HasErrors(const Problems& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const Problem& p) { return p.severity == Severity::kError; });
}

void Normalize(Problems& problems) {
  std::sort(problems.begin(), problems.end());
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
}

}  // namespace k8sgw
