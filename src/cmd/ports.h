// Ports of this machine.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace k8sgw {

// Errors: the address is in use, or may not be used; the text names `what`, address and mend.
absl::Status CheckPortFree(const std::string& address, int port, const std::string& what);

}  // namespace k8sgw
