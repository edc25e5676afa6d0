#include "src/cli/check/stats.h"

#include <charconv>
#include <sstream>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::cli {
namespace {

constexpr char kConnected[] = "control_plane.connected_state";
constexpr char kVersion[] = "cluster_manager.cds.version";
// The hash of the version that src/xds_relay gives to what it serves from memory, while Envoy is connected to it.
constexpr double kKept = 15724983608776060288.0;
constexpr char kMendConnection[] =
    "does a gloo pod run, does its Service lead to it, does a NetworkPolicy let the proxy in, and does gloo take its "
    "token? the logs of both say what they meet";

double At(const Stats& stats, const std::string& name) {
  const auto found = stats.find(name);
  return found == stats.end() ? 0 : found->second;
}

// "Listeners" for listener_manager.lds.update_rejected.
std::string WhatOf(const std::string& name) {
  static const std::pair<const char*, const char*> kNames[] = {
      {"lds.", "listeners"}, {"rds.", "routes"}, {"cds.", "clusters"}, {"sds.", "secrets"}};
  for (const auto& [part, what] : kNames) {
    if (name.find(part) != std::string::npos) return what;
  }
  return "endpoints";
}

}  // namespace

Stats ParseStats(const std::string& text) {
  Stats stats;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.rfind(": ");
    if (colon == std::string::npos) continue;
    double value = 0;
    const char* end = line.data() + line.size();
    if (std::from_chars(line.data() + colon + 2, end, value).ec == std::errc()) stats[line.substr(0, colon)] = value;
  }
  return stats;
}

Findings CheckXdsStats(const std::string& object, const Stats& before, const Stats& after, bool served) {
  Findings out;
  if (At(after, kConnected) != 1) {
    out.push_back({"xds-metrics", true, object, "it is not connected to the control plane, and serves what it had last",
                   kMendConnection});
  } else if (At(after, kVersion) == kKept) {
    out.push_back({"xds-metrics", true, object,
                   "no control plane answered when it began, and it serves what its container before had kept",
                   kMendConnection});
  }
  for (const auto& [name, value] : after) {
    const bool grows = value > At(before, name);
    if (name.ends_with("update_rejected") && (grows || (value > 0 && !served))) {
      out.push_back({"xds-metrics", grows, object,
                     Cat("Envoy ", grows ? "refuses" : "has refused", " ", WhatOf(name), " (", name, " is ",
                         static_cast<int64_t>(value), "); the versions before are served"),
                     "the objects that caused it are Rejected: see `k8sgateway get`, and the log of the proxy"});
    } else if (name.ends_with("update_failure") && grows) {
      out.push_back({"xds-metrics", true, object, Cat("updates of ", WhatOf(name), " fail (", name, " grows)"),
                     "is the control plane reachable from the proxy? the log of the proxy says what it meets"});
    }
  }
  return out;
}

}  // namespace k8sgw::cli
