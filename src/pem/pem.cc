#include "src/pem/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <string_view>

#include "absl/time/time.h"
#include "src/base/text.h"

namespace k8sgw::pem {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

// No certificate chain is as large, and BIO takes an int.
constexpr size_t kMaxText = 1 << 20;

Bio ReadOnly(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

std::string Written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

// An encrypted key must fail, not ask on the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

// The oldest reason in the queue, which it empties.
std::string Reason() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason ? reason : "unknown reason";
}

int64_t Seconds(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return 0;
  return timegm(&fields);
}

}  // namespace

absl::StatusOr<Certificates> ReadCertificates(const std::string& text) {
  if (text.size() > kMaxText) return absl::InvalidArgumentError("the certificates are larger than 1 MiB");
  ERR_clear_error();
  const Bio bio = ReadOnly(text);
  Certificates out;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    out.emplace_back(certificate, X509_free);
  }
  // The end of the text is the one good reason to stop.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = Reason();
  if (!at_end)
    return absl::InvalidArgumentError(Cat("certificate ", out.size() + 1, " is broken or cut off: ", reason));
  if (out.empty()) return absl::InvalidArgumentError("there is no certificate in PEM form");
  return out;
}

absl::StatusOr<Key> ReadKey(const std::string& text) {
  if (text.size() > kMaxText) return absl::InvalidArgumentError("the private key is larger than 1 MiB");
  ERR_clear_error();
  const Bio bio = ReadOnly(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return absl::InvalidArgumentError("there is no whole, unencrypted private key in PEM form");
  return key;
}

absl::StatusOr<Pair> ReadPair(const std::string& certificates, const std::string& key) {
  absl::StatusOr<Certificates> chain = ReadCertificates(certificates);
  if (!chain.ok()) return chain.status();
  absl::StatusOr<Key> its_key = ReadKey(key);
  if (!its_key.ok()) return its_key.status();
  const bool fits = X509_check_private_key(chain->front().get(), its_key->get()) == 1;
  ERR_clear_error();
  if (!fits) return absl::InvalidArgumentError("the private key is not that of the first certificate");
  return Pair{*std::move(chain), *std::move(its_key)};
}

std::string Write(const Certificates& certificates) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  for (const Certificate& certificate : certificates) PEM_write_bio_X509(bio.get(), certificate.get());
  return Written(bio.get());
}

std::string Write(const Key& key) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return Written(bio.get());
}

int64_t NotBefore(const Certificate& certificate) { return Seconds(X509_get0_notBefore(certificate.get())); }
int64_t NotAfter(const Certificate& certificate) { return Seconds(X509_get0_notAfter(certificate.get())); }

int64_t EndOf(const Certificates& chain, const Certificates& authorities) {
  int64_t end = 0;
  for (const Certificate& authority : authorities) end = std::max(end, NotAfter(authority));
  for (const Certificate& one : chain) end = std::min(end, NotAfter(one));
  return end;
}

bool HasName(const Certificate& certificate, const std::string& host) {
  const bool has =
      X509_check_host(certificate.get(), host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
  ERR_clear_error();
  return has;
}

bool Same(const Certificate& a, const Certificate& b) { return X509_cmp(a.get(), b.get()) == 0; }

absl::Status Verify(const Certificates& chain, const Certificates& authorities, int64_t now) {
  ERR_clear_error();
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  for (const Certificate& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> others(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(others.get(), chain[i].get());
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), others.get());
  X509_VERIFY_PARAM* how = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(how, now);
  X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
  const bool good = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

std::string FormatTime(int64_t seconds) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

absl::StatusOr<int64_t> ParseTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::InvalidArgumentError(Cat("\"", text, "\" is no time such as 2027-01-31T12:00:00Z"));
  }
  return absl::ToUnixSeconds(time);
}

}  // namespace k8sgw::pem
