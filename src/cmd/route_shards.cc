#include "src/cmd/route_shards.h"

#include <optional>

#include "absl/strings/numbers.h"
#include "module/shard.h"
#include "src/envoy/division.h"

namespace k8sgw {
namespace {

std::optional<uint32_t> Parse(const std::string& text) {
  if (text == "auto") return envoy::kAutoShards;
  if (text == "off") return 0;
  uint32_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 2 && number <= shard::kMostShards) return number;
  return std::nullopt;
}

}  // namespace

void AddRouteShards(CLI::App& command, std::string& text) {
  command
      .add_option(
          "--route-shards", text,
          "Divide route tables for Envoys that have our module, so that a change of one domain is live at once: "
          "auto from some hundred domains on, off, or a number of parts from 2 to 4096 for every table")
      ->envname("K8SGATEWAY_ROUTE_SHARDS")
      ->check([](const std::string& value) {
        return Parse(value) ? std::string() : "\"" + value + "\" is neither auto nor off nor a number from 2 to 4096";
      })
      ->capture_default_str();
}

uint32_t RouteShards(const std::string& text) { return Parse(text).value_or(0); }

}  // namespace k8sgw
