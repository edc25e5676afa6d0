// What a control plane says of one object: the published message core.solo.io.Status, which stands in the object at
// `status.statuses.<namespace of the control plane>`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace k8sgw::status {

// How a kind has its status.
enum class Form : uint8_t {
  // At status.statuses.<namespace of the control plane>.
  kByNamespace,
  // At status, whoever writes it: state, message and observedGeneration. Of RateLimitConfigs; there is no Warning.
  kAlone,
};

enum class State : uint8_t { kPending, kAccepted, kRejected, kWarning };

// "Accepted".
std::string_view StateName(State state);

struct Entry {
  State state = State::kPending;
  // Errors and warnings in words; "" when there are none.
  std::string reason;
  // The part of the control plane that speaks.
  std::string reported_by;
  // How the object does in each proxy that it is a part of, by SubresourceName.
  std::map<std::string, Entry> subresources;

  bool operator==(const Entry&) const = default;
  // Of all of it; never 0.
  uint64_t Hash() const;
};

// "*v1.Proxy.gateway-proxy_gloo-system".
std::string SubresourceName(std::string_view proxy_namespace, std::string_view proxy_name);

}  // namespace k8sgw::status
