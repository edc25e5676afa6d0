#include "src/validation/change_check.h"

#include <map>

#include "envoy/config/route/v3/route.proto.h"
#include "src/envoy/resource.h"
#include "src/validation/bootstrap_builder.h"
#include "src/validation/refusals.h"

namespace k8sgw::validation {
namespace {

using Hosts = absl::btree_map<proxy::VirtualHostKey, Ptr<envoy::ServedVirtualHost>>;

absl::StatusOr<std::string> AskAboutAll(const Pieces& pieces, const EnvoyCall& call) {
  std::map<proxy::ListenerKey, std::map<envoy::RouteConfigKey, Hosts>> hosts;
  for (const Pieces::Host& host : pieces.hosts)
    hosts[host.key.listener][host.served->host->route_config].emplace(host.key, host.served);
  BootstrapBuilder all;
  for (const auto& [ref, cluster] : pieces.clusters) all.AddCluster(*cluster);
  for (const Pieces::Listener& listener : pieces.listeners) {
    RouteTables tables;
    for (const auto& [key, joined] : hosts[listener.key]) {
      const auto config = envoy::JoinVirtualHosts(*listener.from, key, joined);
      tables[config.resource->name] = envoy::Parse<::envoy::config::route::v3::RouteConfiguration>(*config.resource);
    }
    all.AddListener(*listener.resource, tables);
  }
  return AskEnvoyAbout(all.bootstrap(), call);
}

Problem About(Severity severity, const std::string& message, const std::string& fix) {
  return {{}, severity, "", message, fix};
}

}  // namespace

Problems AskAboutChange(const ChangeQuestion& question, const EnvoyCall& call) {
  const absl::StatusOr<std::string> words = AskAboutAll(*question.with, call);
  if (!words.ok()) {
    return {About(Severity::kError, "Envoy could not be asked: " + std::string(words.status().message()),
                  "see to it that it can, or switch off gateway.validation.fullEnvoyValidation in Settings")};
  }
  if (words->empty()) return {};
  const absl::StatusOr<Problems> found = FindRefusedObjects(NewPieces(*question.with, *question.without), call);
  if (found.ok() && !found->empty()) return *found;
  const absl::StatusOr<std::string> before = AskAboutAll(*question.without, call);
  if (before.ok() && !before->empty()) {
    return {About(Severity::kWarning, "Envoy refuses the configuration also without this change: " + *before,
                  "change what Envoy names")};
  }
  return {About(Severity::kError, "Envoy refuses the configuration with this change: " + *words,
                "change what Envoy names")};
}

}  // namespace k8sgw::validation
