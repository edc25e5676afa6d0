#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "api/gloo/v1/secret.proto.h"
#include "src/envoy/tls.h"

namespace k8sgw::envoy {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

BioPtr ReadOnly(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

std::string Written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::vector<X509Ptr> ReadCertificates(const std::string& pem) {
  std::vector<X509Ptr> out;
  const BioPtr bio = ReadOnly(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(certificate, X509_free);
  }
  ERR_clear_error();
  return out;
}

std::string WriteCertificates(const std::vector<X509Ptr>& certificates) {
  const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
  for (const X509Ptr& certificate : certificates) PEM_write_bio_X509(bio.get(), certificate.get());
  return Written(bio.get());
}

// An encrypted key must fail, not ask on the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

void CheckValidity(const X509& certificate, int64_t now, Reporter& report) {
  time_t at = now;
  if (X509_cmp_time(X509_get0_notAfter(&certificate), &at) < 0) {
    report.Warning("tls.certChain", "the certificate has expired", "renew it");
  } else if (X509_cmp_time(X509_get0_notBefore(&certificate), &at) > 0) {
    report.Warning("tls.certChain", "the certificate is not valid yet", "check its dates and the clock");
  }
}

bool ReadPair(const gloov1::TlsSecret& tls, int64_t now, Reporter& report, TlsMaterial& out) {
  const auto chain = ReadCertificates(tls.cert_chain());
  if (chain.empty()) {
    report.Error("tls.certChain", "holds no certificate in PEM form", "begin it with -----BEGIN CERTIFICATE-----");
    return false;
  }
  const BioPtr bio = ReadOnly(tls.private_key());
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key) {
    report.Error("tls.privateKey", "holds no unencrypted private key in PEM form",
                 "remove the password, and begin it with -----BEGIN PRIVATE KEY-----");
    return false;
  }
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    ERR_clear_error();
    report.Error("tls", "the private key does not belong to the first certificate of the chain",
                 "put the leaf certificate first, and take the key that it was issued for");
    return false;
  }
  CheckValidity(*chain.front(), now, report);
  out.certificate_chain = WriteCertificates(chain);
  const BioPtr pem(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  out.private_key = Written(pem.get());
  return true;
}

}  // namespace

std::optional<TlsMaterial> ReadTlsSecret(const gloov1::Secret& secret, int64_t now, Reporter& report) {
  const auto& tls = secret.tls();
  TlsMaterial out;
  if (tls.cert_chain().empty() != tls.private_key().empty()) {
    report.Error("tls",
                 tls.cert_chain().empty() ? "there is a private key, but no certificate"
                                          : "there is a certificate, but no private key",
                 "give both, or only a root CA");
    return std::nullopt;
  }
  if (!tls.cert_chain().empty() && !ReadPair(tls, now, report, out)) return std::nullopt;
  if (!tls.root_ca().empty()) {
    const auto authorities = ReadCertificates(tls.root_ca());
    if (authorities.empty()) {
      report.Error("tls.rootCa", "holds no certificate in PEM form", "begin it with -----BEGIN CERTIFICATE-----");
      return std::nullopt;
    }
    out.root_ca = WriteCertificates(authorities);
  }
  if (out.certificate_chain.empty() && out.root_ca.empty()) {
    report.Error("tls", "the secret is empty", "give certificate and private key, or a root CA");
    return std::nullopt;
  }
  out.ocsp_staple = tls.ocsp_staple();
  return out;
}

}  // namespace k8sgw::envoy
