// A program that we start, and whose parent we are.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw {

// Starts args[0], a path, with these arguments. It gets SIGTERM when we are gone, even if we are killed; signals of the
// terminal reach only us. `stderr_fd` -1: it writes where we do. `keep_fd` stays open in it (-1: none). `variables`,
// "NAME=value", are added to the environment that we have, in place of ours of these names.
// Errors: there is no such program, it may not be run, no more processes.
absl::StatusOr<pid_t> StartChild(const std::vector<std::string>& args, int stderr_fd = -1, int keep_fd = -1,
                                 const std::vector<std::string>& variables = {});

// What waitpid said, as a shell has it: the exit code, or 128 and the signal.
int ExitCode(int status);
// "was ended by signal 9", "ended with status 1".
std::string HowItEnded(int status);

// SIGTERM, and after `patience` SIGKILL; waits for the end, and returns what waitpid said.
int EndChild(pid_t pid, std::chrono::milliseconds patience);

}  // namespace k8sgw
