// The findings, for readers and for programs.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"

namespace k8sgw::cli {

// What was looked at, and what was not, and why.
struct Looked {
  std::set<std::string, std::less<>> sections;
  // "upstreams" -> "forbidden"; what cannot be looked at is neither good nor bad.
  std::vector<std::pair<std::string, std::string>> skipped;
};

// A line for each section, then each finding with what to do; "No problems detected." when there is none.
std::string RenderReport(const Looked& looked, const Findings& findings);
// The published form: resources with their status, errors and messages; and the findings with their parts.
yaml::Node ReportTree(const Looked& looked, const Findings& findings);
bool HasErrors(const Findings& findings);

}  // namespace k8sgw::cli
