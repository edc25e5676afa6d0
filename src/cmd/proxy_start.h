// How an Envoy is started out of the template of its bootstrap.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/bootstrap/bootstrap.h"
#include "src/cmd/commands.h"
#include "src/cmd/memory_file.h"

namespace k8sgw {

struct ProxyOptions {
  std::string template_file = "/etc/envoy/envoy.yaml";
  // Where a copy of what it became goes, for the eye; "" for nowhere.
  std::string copy_file = "/tmp/envoy.yaml";
  // When set, this bootstrap is taken as it is.
  std::string sidecar_file;
  // Files `labels` and `annotations` of the downward API.
  std::string pod_info = "/etc/podinfo";
  std::string envoy;
  int drain_least_seconds = 5;
  int drain_seconds = 25;
  bool no_core_dumps = false;
  // Where what Envoy accepted outlives it; "" for nowhere.
  std::string state_dir;
  // How long the control plane may be away before that is served.
  int state_patience = 5;
  // Flags for Envoy itself.
  std::vector<std::string> envoy_flags;
  LogOptions log;
};

// The bootstrap as Envoy will see it. Errors name the file and the line. What is not known of the pod is logged.
absl::StatusOr<std::string> MakeBootstrap(const ProxyOptions& options);

// Best effort, as nothing depends on it: readable for everybody, and never written through a link.
void WriteCopy(const std::string& path, const std::string& text);

// A program and its arguments.
struct EnvoyCommand {
  std::vector<std::string> args;
  // When its bootstrap is too long for an argument: must stay open in it.
  std::unique_ptr<MemoryFile> bootstrap;
};

// `tree` is what `text` says.
absl::StatusOr<EnvoyCommand> MakeCommand(const ProxyOptions& options, const std::string& envoy, const std::string& text,
                                         const yaml::Node& tree);

}  // namespace k8sgw
