#include "src/discovery/function_mode.h"

#include "api/gloo/v1/settings.proto.h"

namespace k8sgw::discovery {
namespace {

constexpr char kLabel[] = "discovery.solo.io/function_discovery";

// Of what is not ours to ask, unless its label says so.
bool IsOfTheCluster(const std::string& ns) { return ns == "kube-system" || ns == "kube-public"; }

bool Says(const Labels& labels, std::string_view value) {
  const auto found = labels.find(kLabel);
  return found != labels.end() && found->second == value;
}

}  // namespace

FunctionMode ReadFunctionMode(const gloov1::Settings& settings) {
  switch (settings.discovery().fds_mode()) {
    case gloov1::Settings::DiscoveryOptions::WHITELIST: return FunctionMode::kAllowed;
    case gloov1::Settings::DiscoveryOptions::DISABLED: return FunctionMode::kOff;
    default: return FunctionMode::kDenied;
  }
}

bool IsLookedAt(FunctionMode mode, const std::string& ns, const Labels& namespace_labels,
                const Labels& upstream_labels) {
  if (mode == FunctionMode::kOff || Says(upstream_labels, "disabled")) return false;
  if (Says(upstream_labels, "enabled") || Says(namespace_labels, "enabled")) return true;
  if (mode == FunctionMode::kAllowed) return false;
  return !Says(namespace_labels, "disabled") && !IsOfTheCluster(ns);
}

}  // namespace k8sgw::discovery
