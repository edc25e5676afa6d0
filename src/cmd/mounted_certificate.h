// When a certificate ends that somebody else serves, out of the same Secret.
#pragma once

#include <cstdint>
#include <string>

namespace k8sgw {

// Of tls.crt in the folder, in seconds since 1970; ca.crt counts, too, as nobody takes what it signed when it has
// ended. 0 when the folder is "", or tls.crt is not there or cannot be read.
int64_t MountedCertificateEnd(const std::string& folder);

}  // namespace k8sgw
