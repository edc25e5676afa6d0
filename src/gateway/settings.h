// What the translation of Gateways, VirtualServices and RouteTables reads from Settings, and nothing else: a change of
// any other field of Settings re-runs nothing here.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "src/base/regex.h"
#include "src/model/objects.h"
#include "src/model/settings_key.h"

namespace k8sgw::gateway {

struct GatewaySettings {
  std::string write_namespace;
  bool read_gateways_from_all_namespaces = false;
  bool isolate_by_ssl_config = false;
  // For sslConfigs that do not say it themselves.
  std::optional<bool> one_way_tls;
  // nullopt means no limit.
  uint32_t regex_max_program_size = kDefaultMaxProgramSize;
  // Always holds the write namespace; nullopt means all.
  std::optional<std::set<std::string>> watched_namespaces;

  bool operator==(const GatewaySettings&) const = default;

  // Whether objects of the namespace count at all.
  bool Watches(const std::string& ns) const { return !watched_namespaces || watched_namespaces->contains(ns); }
  // Whether Gateways of the namespace count.
  bool ReadsGatewaysOf(const std::string& ns) const {
    return ns == write_namespace || (read_gateways_from_all_namespaces && Watches(ns));
  }
};

// The defaults, for when there are no Settings.
GatewaySettings DefaultSettings(const SettingsKey& key);
GatewaySettings ReadSettings(const SettingsKey& key, const gloov1::Settings& settings);

// A warning for each field that is set and has no effect, unless its value asks for what is done anyway.
Problems CheckSettings(const SettingsKey& key, const Object<gloov1::Settings>& settings);

}  // namespace k8sgw::gateway
