// The commands that are components of an installation, beside the control plane. Each adds itself, its flags and its
// help, and leaves its exit code: 0, 1 for what is wrong with the input or the machine.
#pragma once

#include <CLI/CLI.hpp>

namespace k8sgw {

void AddCertgen(CLI::App& app, int& exit_code);
void AddSds(CLI::App& app, int& exit_code);
void AddAccessLog(CLI::App& app, int& exit_code);
void AddDiscovery(CLI::App& app, int& exit_code);
void AddProxy(CLI::App& app, int& exit_code);
void AddProbe(CLI::App& app, int& exit_code);

}  // namespace k8sgw
