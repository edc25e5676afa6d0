// Into how many parts users want route tables divided: the words of the flag and of the annotation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace k8sgw::proxy {

// As many as fit the number of domains.
inline constexpr uint32_t kAutoShards = ~uint32_t{0};
// Of Gateways and of Settings, whose word counts for all Gateways without one.
inline constexpr char kRouteShardsAnnotation[] = "k8sgateway.io/route-shards";

inline constexpr uint32_t kMostShards = 4096;

// "auto", "off" (0, which is never) or a number from 2 to 4096.
std::optional<uint32_t> ParseRouteShards(std::string_view text);

}  // namespace k8sgw::proxy
