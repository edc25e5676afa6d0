// Certificates and private keys as PEM texts: what stands in them, and whether they belong together.
//
// Nothing here has a clock: times are seconds since 1970, and "now" is handed in. Whatever the text holds, an error is
// said and OpenSSL's queue of errors is left empty.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace k8sgw::pem {

using Certificate = std::shared_ptr<X509>;
using Certificates = std::vector<Certificate>;
using Key = std::shared_ptr<EVP_PKEY>;

// A leaf, the intermediates behind it, and the leaf's key.
struct Pair {
  Certificates chain;
  Key key;
};

// All certificates of the text, in its order. InvalidArgument when there is none, or one of them is broken or cut off.
absl::StatusOr<Certificates> ReadCertificates(const std::string& text);
// InvalidArgument when there is no whole, unencrypted key.
absl::StatusOr<Key> ReadKey(const std::string& text);
// InvalidArgument for what the two above refuse, and for a key that is not that of the first certificate.
absl::StatusOr<Pair> ReadPair(const std::string& certificates, const std::string& key);

std::string Write(const Certificates& certificates);
std::string Write(const Key& key);

int64_t NotBefore(const Certificate& certificate);
int64_t NotAfter(const Certificate& certificate);
// Whether the certificate is good for this host, by its alternative names.
bool HasName(const Certificate& certificate, const std::string& host);
bool Same(const Certificate& a, const Certificate& b);
// When a chain ends that these authorities signed: it is good as long as all of it is, and one of them. Neither is
// empty.
int64_t EndOf(const Certificates& chain, const Certificates& authorities);

// Whether a client that trusts these authorities takes the leaf of a server at this time; they need not be roots. The
// message is OpenSSL's reason.
absl::Status Verify(const Certificates& chain, const Certificates& authorities, int64_t now);

// "2027-01-31T12:00:00Z", and back; errors are InvalidArgument.
std::string FormatTime(int64_t seconds);
absl::StatusOr<int64_t> ParseTime(const std::string& text);

}  // namespace k8sgw::pem
