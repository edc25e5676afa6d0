// What `k8sgateway check` finds: one thing that is wrong, and what to do.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace k8sgw::cli {

// What is looked at, in this order; the names are those that -x takes.
inline constexpr std::string_view kSections[] = {
    "deployments",      "pods",         "settings", "upstreams",  "upstream-groups", "secrets",
    "virtual-services", "route-tables", "gateways", "options",    "auth-configs",    "rate-limit-configs",
    "gateway-api",      "webhooks",     "proxies",  "xds-metrics"};

// The section that is called so, with or without -, _ and a plural s; "" when there is none.
std::string_view FindSection(std::string_view name);

struct Finding {
  // One of kSections.
  std::string section;
  // Something does not work now; otherwise it soon will not, or is not as it should be.
  bool error = true;
  // Such as "VirtualService default/shop"; may be empty.
  std::string object;
  std::string what;
  // What to do; may be empty.
  std::string mend;

  auto operator<=>(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

}  // namespace k8sgw::cli
