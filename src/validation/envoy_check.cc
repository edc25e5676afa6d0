#include "src/validation/envoy_check.h"

#include "src/envoy/resource.h"
#include "src/validation/bootstrap_builder.h"
#include "src/validation/envoy_runner.h"

namespace k8sgw::validation {

std::string AskEnvoy(const std::vector<const Pipeline*>& pipelines, const std::string& envoy) {
  BootstrapBuilder all;
  for (const Pipeline* pipeline : pipelines) {
    for (const std::string& role : pipeline->roles()) {
      const Snapshot snapshot = pipeline->ResourcesOf(role);
      const auto of_type = [&](xds::Type type) {
        const auto resources = snapshot.find(type);
        return resources == snapshot.end() ? Snapshot::mapped_type() : resources->second;
      };
      RouteTables tables;
      for (const auto& [name, routes] : of_type(xds::Type::kRoute)) {
        // The listeners here look into whole tables.
        if (routes->only_with_module) continue;
        tables[name] = envoy::Parse<::envoy::config::route::v3::RouteConfiguration>(*routes);
      }
      for (const auto& [name, cluster] : of_type(xds::Type::kCluster)) all.AddCluster(*cluster);
      for (const auto& [name, endpoints] : of_type(xds::Type::kEndpoint)) all.AddEndpoints(*endpoints);
      for (const auto& [name, listener] : of_type(xds::Type::kListener)) all.AddListener(*listener, tables);
    }
  }
  const absl::StatusOr<std::string> words = AskEnvoyAbout(all.bootstrap(), {.envoy = envoy});
  return words.ok() ? *words : std::string(words.status().message());
}

}  // namespace k8sgw::validation
