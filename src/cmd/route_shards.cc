#include "src/cmd/route_shards.h"

#include "src/proxy/route_shards.h"

namespace k8sgw {
void AddRouteShards(CLI::App& command, std::string& text) {
  command
      .add_option(
          "--route-shards", text,
          "Divide route tables for Envoys that have our module, so that a change of one domain is live at once: "
          "auto from some hundred domains on, off, or a number of parts from 2 to 4096 for every table")
      ->envname("K8SGATEWAY_ROUTE_SHARDS")
      ->check([](const std::string& value) {
        return proxy::ParseRouteShards(value) ? std::string()
                                              : "\"" + value + "\" is neither auto nor off nor a number from 2 to 4096";
      })
      ->capture_default_str();
}

uint32_t RouteShards(const std::string& text) { return proxy::ParseRouteShards(text).value_or(0); }

}  // namespace k8sgw
