#include "src/proxy/route_shards.h"

#include "absl/strings/numbers.h"

namespace k8sgw::proxy {

std::optional<uint32_t> ParseRouteShards(std::string_view text) {
  if (text == "auto") return kAutoShards;
  if (text == "off") return 0;
  uint32_t number = 0;
  if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) && number >= 2 && number <= kMostShards)
    return number;
  return std::nullopt;
}

}  // namespace k8sgw::proxy
