// The log of `run` and `gloo`, on stderr: one line a message, whatever is in it.
#pragma once

#include <string>
#include <string_view>

#include "src/cmd/commands.h"

namespace k8sgw {

void SetUpLog(const LogOptions& options);

// A line of Envoy's log, "<level> <component> <words>", with its own level.
void LogEnvoyLine(std::string_view line);

}  // namespace k8sgw
