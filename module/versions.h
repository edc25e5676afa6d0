// Which Envoys can load the module. The control plane asks before it sends tables that need it: an Envoy that cannot
// would refuse its listeners.
#pragma once

#include <cstdint>

namespace k8sgw::module {

// The interface 0.2.0 is that of Envoy 1.40, and 1.41 promises to take it.
inline constexpr uint32_t kEnvoyMajor = 1;
inline constexpr uint32_t kFirstEnvoyMinor = 40;
inline constexpr uint32_t kLastEnvoyMinor = 41;
// The same in words.
inline constexpr char kEnvoysThatFit[] = "1.40 and 1.41";

inline constexpr bool FitsEnvoy(uint32_t major, uint32_t minor) {
  return major == kEnvoyMajor && minor >= kFirstEnvoyMinor && minor <= kLastEnvoyMinor;
}

}  // namespace k8sgw::module
