#include "src/status/verdict.h"

#include <algorithm>
#include <string>

#include "api/gloo/v1/proxy.proto.h"
#include "src/base/text.h"
#include "src/base/utf8.h"
#include "src/envoy/names.h"

namespace k8sgw::status {
namespace {

constexpr std::string_view kGateway = "gateway";
constexpr std::string_view kGloo = "gloo";
constexpr std::string_view kKubeGateway = "gloo-kube-gateway";

constexpr std::string_view kEllipsis = "…";

using Pointers = std::vector<const Problem*>;

// Appends as much of `text` as `room` allows; false when that was not all. What is no UTF-8 (words of others that were
// cut somewhere) becomes U+FFFD, as the API server would make of it: what is read back must be what was written.
bool AppendWithin(std::string_view text, size_t room, std::string& out) {
  while (!text.empty()) {
    uint32_t code = 0;
    const size_t length = DecodeUtf8(text, &code);
    const std::string_view character = length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    if (out.size() + character.size() > room) return false;
    out += character;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return true;
}

std::string Describe(const Problem& problem) {
  std::string text;
  for (const std::string* part : {&problem.path, &problem.message, &problem.fix}) {
    if (part->empty()) continue;
    if (!text.empty()) text += ": ";
    text += *part;
  }
  return text;
}

// The published form; `room` bounds also the work.
std::string ReasonOf(const Pointers& errors, const Pointers& warnings, size_t room) {
  std::string whole;
  const auto full = [&] { return whole.size() > room; };
  if (!errors.empty()) {
    whole += errors.size() == 1 ? "1 error occurred:\n" : Cat(errors.size(), " errors occurred:\n");
    for (size_t i = 0; i < errors.size() && !full(); ++i) whole += Cat("\t* ", Describe(*errors[i]), "\n");
    whole += "\n";
    if (!warnings.empty()) whole += "\n";
  }
  if (!warnings.empty()) whole += "warning: \n  ";
  for (size_t i = 0; i < warnings.size() && !full(); ++i) whole += Cat(i == 0 ? "" : "\n", Describe(*warnings[i]));
  std::string reason;
  if (AppendWithin(whole, room, reason)) return reason;
  reason.clear();
  AppendWithin(whole, room - std::min(room, kEllipsis.size()), reason);
  return reason.append(kEllipsis);
}

template <class Counts>
Entry EntryOf(const std::vector<ProblemTable::Finding>& findings, std::string_view reporter, size_t room,
              const Counts& counts) {
  Pointers errors;
  Pointers warnings;
  for (const ProblemTable::Finding& finding : findings) {
    if (!counts(finding)) continue;
    (finding.problem.severity == Severity::kError ? errors : warnings).push_back(&finding.problem);
  }
  Entry entry;
  entry.state = !errors.empty() ? State::kRejected : !warnings.empty() ? State::kWarning : State::kAccepted;
  entry.reason = ReasonOf(errors, warnings, room);
  entry.reported_by = reporter;
  return entry;
}

}  // namespace

std::string_view ReporterOf(Kind kind) {
  switch (kind) {
    case Kind::kGateway:
    case Kind::kVirtualService:
    case Kind::kRouteTable:
    case Kind::kVirtualHostOption:
    case Kind::kRouteOption:
    case Kind::kMatchableHttpGateway:
    case Kind::kMatchableTcpGateway: return kGateway;
    case Kind::kSettings:
    case Kind::kUpstream:
    case Kind::kUpstreamGroup:
    case Kind::kAuthConfig:
    case Kind::kRateLimitConfig: return kGloo;
    case Kind::kListenerOption:
    case Kind::kHttpListenerOption: return kKubeGateway;
    case Kind::kSecret:
    case Kind::kArtifact:
    case Kind::kService:
    case Kind::kEndpointSlice:
    case Kind::kPod:
    case Kind::kNode:
    case Kind::kProxy:
    // As published, whoever uses them says in its own status what is wrong.
    case Kind::kGatewayParameters:
    case Kind::kDirectResponse:
    case Kind::kDocument: return "";
  }
  return "";
}

Form FormOf(Kind kind) { return kind == Kind::kRateLimitConfig ? Form::kAlone : Form::kByNamespace; }

Entry MakeEntry(Kind kind, const std::vector<ProblemTable::Finding>& findings, const std::vector<ProxyRef>& proxies,
                const Limits& limits) {
  Entry entry = EntryOf(findings, ReporterOf(kind), limits.reason, [](const ProblemTable::Finding&) { return true; });
  const bool only_notices = std::ranges::all_of(
      findings, [](const ProblemTable::Finding& finding) { return finding.problem.severity == Severity::kNotice; });
  const bool bears_notices = kind == Kind::kAuthConfig || kind == Kind::kRateLimitConfig;
  const bool knows_no_warning = FormOf(kind) == Form::kAlone && entry.state == State::kWarning;
  if ((only_notices && bears_notices) || knows_no_warning) entry.state = State::kAccepted;
  for (const ProxyRef& proxy : proxies) {
    if (entry.subresources.size() == limits.subresources) break;
    const std::string role = envoy::Role(proxy);
    entry.subresources.emplace(
        SubresourceName(proxy.ns.str(), proxy.name.str()),
        EntryOf(findings, kGloo, limits.subresource_reason, [&](const ProblemTable::Finding& finding) {
          return std::find(finding.roles.begin(), finding.roles.end(), role) != finding.roles.end();
        }));
  }
  return entry;
}

}  // namespace k8sgw::status
