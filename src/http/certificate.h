// The certificate and key of a TLS server, as files that somebody may replace.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace k8sgw::http {

using TlsContext = std::shared_ptr<SSL_CTX>;

// TLS 1.2 and newer, HTTP/1.1, no certificates of clients. Errors name the file, and what is wrong: it cannot be read,
// is no PEM, or the key is not the certificate's.
absl::StatusOr<TlsContext> LoadCertificate(const std::string& certificate_path, const std::string& key_path);

// The pair in use: the last that was good.
class Certificate {
 public:
  Certificate(std::string certificate_path, std::string key_path)
      : certificate_path_(std::move(certificate_path)), key_path_(std::move(key_path)) {}

  enum class Change { kNone, kRenewed, kFailed };
  // Reads the files when they are others than at the last call. What fails is tried again only when they change.
  Change Refresh();
  // nullptr until a pair was good.
  const TlsContext& context() const { return context_; }
  const absl::Status& error() const { return error_; }
  // When the one in use ends, in seconds since 1970; 0 while there is none.
  int64_t ends() const;

 private:
  const std::string certificate_path_;
  const std::string key_path_;
  std::string seen_;
  TlsContext context_;
  absl::Status error_;
};

}  // namespace k8sgw::http
