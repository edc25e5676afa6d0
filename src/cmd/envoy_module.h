// The module that an Envoy of ours can load.
#pragma once

#include <optional>
#include <string>

#include "src/xds/engine.h"

namespace k8sgw {

// Envoy looks for modules in the folder that this variable names.
inline constexpr char kModuleFolderVariable[] = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH";

// The folder of the Envoy program, when our module stands beside it: a module is made for the Envoys of one version,
// and another Envoy than the one that it came with need not know it. Or the folder that the variable names, when it is
// set and has it. "" for none.
std::string ModuleFolderOf(const std::string& envoy);

// What the metadata of its node says of it, as a field of a JSON object with a comma before it: the control plane then
// sends route tables that need the module. "" when there is none.
std::string ModuleMetadata(const std::string& module_folder);

// Whether an Envoy of this version can load it; who does not say what it is, is believed.
bool CanLoadModule(const std::optional<xds::EnvoyVersion>& envoy);

// What the Envoy program says that it is; nullopt when it does not.
std::optional<xds::EnvoyVersion> VersionOfEnvoy(const std::string& envoy);

}  // namespace k8sgw
