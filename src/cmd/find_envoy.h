// Where the Envoy is.
#pragma once

#include <string>

namespace k8sgw {

// `named` is what the user said: a path, or the name of a program in PATH. "" means the one beside this program, else
// `envoy` in PATH. The result is a path; whether a program is there shows when it is started.
std::string FindEnvoy(const std::string& named);

}  // namespace k8sgw
