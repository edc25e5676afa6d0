#include "src/cli/check/report.h"

#include <algorithm>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

std::string Spaced(std::string_view section) {
  std::string out(section);
  std::replace(out.begin(), out.end(), '-', ' ');
  return out;
}

size_t Count(const Findings& findings, std::string_view section, bool errors) {
  return static_cast<size_t>(std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.section == section && finding.error == errors;
  }));
}

std::string Sentence(const Finding& finding) {
  return Cat(finding.object, finding.object.empty() ? "" : ": ", finding.what);
}

std::string Amount(size_t count, std::string_view what) { return Cat(count, " ", what, count == 1 ? "" : "s"); }

std::string Verdict(const Looked& looked, const Findings& findings, std::string_view section) {
  const size_t errors = Count(findings, section, true);
  const size_t warnings = Count(findings, section, false);
  if (errors > 0) return Amount(errors, "error") + (warnings > 0 ? ", " + Amount(warnings, "warning") : "");
  if (warnings > 0) return Amount(warnings, "warning");
  const auto skipped =
      std::find_if(looked.skipped.begin(), looked.skipped.end(), [&](const auto& one) { return one.first == section; });
  return skipped == looked.skipped.end() ? "OK" : "Skipped: " + Printable(skipped->second);
}

}  // namespace

bool HasErrors(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.error; });
}

std::string RenderReport(const Looked& looked, const Findings& findings) {
  std::string out;
  for (const std::string_view section : kSections) {
    if (looked.sections.contains(section))
      out += Cat("Checking ", Spaced(section), "... ", Verdict(looked, findings, section), "\n");
  }
  if (findings.empty()) return out + "No problems detected.\n";
  for (const bool errors : {true, false}) {
    for (const std::string_view section : kSections) {
      for (const Finding& finding : findings) {
        if (finding.section != section || finding.error != errors) continue;
        out += Cat("\n", errors ? "Error: " : "Warning: ", Printable(Sentence(finding)), "\n");
        if (!finding.mend.empty()) out += Cat("  ", Printable(finding.mend), "\n");
      }
    }
  }
  return out;
}

Node ReportTree(const Looked& looked, const Findings& findings) {
  Node out = MakeMap();
  Node& resources = Put(out, "resources", MakeList());
  for (const std::string_view section : kSections) {
    if (!looked.sections.contains(section)) continue;
    Node one = MakeMap();
    PutText(one, "name", Spaced(section));
    PutText(one, "status", Verdict(looked, findings, section));
    resources.items.push_back(std::move(one));
  }
  Node errors = MakeList();
  Node messages = MakeList();
  Node all = MakeList();
  for (const Finding& finding : findings) {
    (finding.error ? errors : messages).items.push_back(MakeText(Sentence(finding)));
    Node one = MakeMap();
    PutText(one, "section", finding.section);
    PutText(one, "severity", finding.error ? "error" : "warning");
    PutText(one, "object", finding.object);
    PutText(one, "message", finding.what);
    PutText(one, "mend", finding.mend);
    all.items.push_back(std::move(one));
  }
  if (findings.empty()) messages.items.push_back(MakeText("No problems detected."));
  Put(out, "errors", std::move(errors));
  Put(out, "messages", std::move(messages));
  Put(out, "problems", std::move(all));
  return out;
}

}  // namespace k8sgw::cli
