// The flag --route-shards.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace k8sgw {

// `text` is the flag's value, with "auto" as the default.
void AddRouteShards(CLI::App& command, std::string& text);

// As in src/proxy/route_shards.h; of a text that the flag lets pass.
uint32_t RouteShards(const std::string& text);

}  // namespace k8sgw
