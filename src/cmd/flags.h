// Flags that several commands have.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "src/cmd/commands.h"

namespace k8sgw {

// `published` is another variable for the level, of the original, that counts when ours is not set.
void AddLogFlags(CLI::App& command, LogOptions& log, const char* published = nullptr);

// A number with a default and bounds; the variable is named as the flag.
void AddNumber(CLI::App& command, const std::string& flag, int& value, int least, int most, const std::string& help);

// A duration in Go's notation, from 0 on, kept in seconds; `value` is the default.
CLI::Option* AddDuration(CLI::App& command, const std::string& flag, int64_t& seconds, const std::string& shown_default,
                         const std::string& help);

}  // namespace k8sgw
