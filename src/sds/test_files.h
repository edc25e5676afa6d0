// For tests: what happens to files, and pairs to put into them.
#pragma once

#include <openssl/ec.h>
#include <openssl/x509.h>

#include <string>

#include "src/pem/pem.h"
#include "src/sources/file/watcher.h"

namespace k8sgw::sds {

// 2026-07-01
inline constexpr int64_t kNow = 1'782'864'000;

// A certificate that signs itself, good for so many seconds.
struct TestPair {
  TestPair(int64_t from, int64_t seconds) {
    const pem::Key pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const pem::Certificate x509(X509_new(), X509_free);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    ASN1_TIME_set(X509_getm_notBefore(x509.get()), from);
    ASN1_TIME_set(X509_getm_notAfter(x509.get()), from + seconds);
    X509_set_pubkey(x509.get(), pair.get());
    X509_sign(x509.get(), pair.get(), EVP_sha256());
    certificate = pem::Write(pem::Certificates{x509});
    key = pem::Write(pair);
  }
  std::string certificate;
  std::string key;
};

inline file::FileEvent Content(const std::string& path, const std::string& text) {
  return {file::FileEvent::Kind::kContent, path, text};
}

}  // namespace k8sgw::sds
