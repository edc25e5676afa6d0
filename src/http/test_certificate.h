// For tests: a certificate that signs itself, in files of a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace k8sgw::http {

class TestCertificate {
 public:
  TestCertificate() {
    std::string name = ::testing::TempDir() + "/certificateXXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~TestCertificate() { std::filesystem::remove_all(folder_); }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string certificate() const { return folder_ + "/tls.crt"; }
  std::string key() const { return folder_ + "/tls.key"; }

  // A new pair with this common name.
  void Make(const std::string& name) const {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x509 = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, pair);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_sign(x509, pair, EVP_sha256());
    Write(key(), [&](std::FILE* file) { PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr); });
    Write(certificate(), [&](std::FILE* file) { PEM_write_X509(file, x509); });
    X509_free(x509);
    EVP_PKEY_free(pair);
  }
  // As when somebody is in the middle of writing.
  void CutShort() const { std::filesystem::resize_file(certificate(), 100); }

 private:
  template <class Fn>
  static void Write(const std::string& path, Fn&& fn) {
    const std::string part = path + ".part";
    std::FILE* file = std::fopen(part.c_str(), "w");
    ASSERT_NE(file, nullptr);
    fn(file);
    std::fclose(file);
    std::filesystem::rename(part, path);
  }

  std::string folder_;
};

}  // namespace k8sgw::http
