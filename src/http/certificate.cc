#include "src/http/certificate.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <ctime>

#include "src/base/text.h"

namespace k8sgw::http {
namespace {

absl::Status Refuse(const std::string& path, std::string_view what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return absl::InvalidArgumentError(Cat(path, ": ", what, reason ? ": " : "", reason ? reason : ""));
}

// What tells one version of a file from the next, whoever a link leads to.
std::string Trace(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "-";
  return Cat(static_cast<uint64_t>(info.st_ino), " ", static_cast<int64_t>(info.st_size), " ",
             static_cast<int64_t>(info.st_mtim.tv_sec), " ", static_cast<int64_t>(info.st_mtim.tv_nsec));
}

// Nobody is asked for the password of a key.
int NoPassword(char*, int, int, void*) { return 0; }

// The only protocol that is spoken; a client that offers others too must know which was chosen.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                   unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp1, sizeof(kHttp1), offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

absl::StatusOr<TlsContext> LoadCertificate(const std::string& certificate_path, const std::string& key_path) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return Refuse(certificate_path, "no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_default_passwd_cb(context.get(), NoPassword);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseProtocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_path.c_str()) != 1)
    return Refuse(certificate_path, "the certificate cannot be read");
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_path.c_str(), SSL_FILETYPE_PEM) != 1)
    return Refuse(key_path, "the private key cannot be read, or is not that of the certificate");
  if (SSL_CTX_check_private_key(context.get()) != 1)
    return Refuse(key_path, "the private key is not that of the certificate");
  return context;
}

Certificate::Change Certificate::Refresh() {
  const std::string now = Trace(certificate_path_) + " " + Trace(key_path_);
  if (now == seen_) return Change::kNone;
  seen_ = now;
  absl::StatusOr<TlsContext> context = LoadCertificate(certificate_path_, key_path_);
  error_ = context.status();
  if (!context.ok()) return Change::kFailed;
  context_ = std::move(*context);
  return Change::kRenewed;
}

int64_t Certificate::ends() const {
  const X509* certificate = context_ ? SSL_CTX_get0_certificate(context_.get()) : nullptr;
  std::tm time{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return 0;
  return timegm(&time);
}

}  // namespace k8sgw::http
