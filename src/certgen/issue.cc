#include "src/certgen/issue.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "src/base/text.h"
#include "src/pem/pem.h"

namespace k8sgw::certgen {
namespace {

constexpr char kCurve[] = "P-256";
// How far the clock of whoever checks may be behind ours.
constexpr int64_t kClockSkew = 300;
// The bound of X.509 on common names.
constexpr size_t kMaxCommonName = 64;
constexpr char kOrganization[] = "K8sGateway";

absl::Status Failed(std::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return absl::InternalError(Cat("OpenSSL cannot ", what, ": ", reason ? reason : "unknown reason"));
}

bool AddName(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// 127 random bits, positive. Nobody keeps a list of those that were given.
std::string SetSerial(X509* certificate) {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_new(), BN_free);
  if (BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1) return "";
  if (!BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate))) return "";
  char* hex = BN_bn2hex(number.get());
  const std::string text = hex ? hex : "";
  OPENSSL_free(hex);
  return text;
}

// All but names and extensions.
pem::Certificate Begin(const pem::Key& key, int64_t now, int64_t valid_for, std::string* serial) {
  pem::Certificate certificate(X509_new(), X509_free);
  *serial = SetSerial(certificate.get());
  const bool good = X509_set_version(certificate.get(), X509_VERSION_3) == 1 && !serial->empty() &&
                    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now - kClockSkew) &&
                    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), now + valid_for) &&
                    X509_set_pubkey(certificate.get(), key.get()) == 1;
  return good ? certificate : nullptr;
}

// Each authority has another name, so that those who trust the old and the new one find the right one by it.
pem::Certificate MakeAuthority(const pem::Key& key, int64_t now, int64_t valid_for) {
  std::string serial;
  pem::Certificate ca = Begin(key, now, valid_for, &serial);
  if (!ca) return nullptr;
  X509_NAME* name = X509_get_subject_name(ca.get());
  const bool good = AddName(name, "O", kOrganization) && AddName(name, "CN", "certgen " + serial.substr(0, 16)) &&
                    X509_set_issuer_name(ca.get(), name) == 1 &&
                    AddExtension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    AddExtension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    AddExtension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
                    X509_sign(ca.get(), key.get(), EVP_sha256()) > 0;
  return good ? ca : nullptr;
}

pem::Certificate MakeLeaf(const Subject& subject, const pem::Key& key, const pem::Certificate& ca,
                          const pem::Key& ca_key, int64_t now, int64_t valid_for) {
  std::string serial;
  pem::Certificate leaf = Begin(key, now, valid_for, &serial);
  if (!leaf) return nullptr;
  X509_NAME* name = X509_get_subject_name(leaf.get());
  std::string names;
  for (const std::string& one : subject.Names()) names += (names.empty() ? "DNS:" : ",DNS:") + one;
  const bool named = AddName(name, "O", kOrganization) &&
                     (subject.Main().size() > kMaxCommonName || AddName(name, "CN", subject.Main()));
  const bool good = named && X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca.get())) == 1 &&
                    AddExtension(leaf.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    AddExtension(leaf.get(), ca.get(), NID_key_usage, "critical,digitalSignature") &&
                    AddExtension(leaf.get(), ca.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
                    AddExtension(leaf.get(), ca.get(), NID_subject_key_identifier, "hash") &&
                    AddExtension(leaf.get(), ca.get(), NID_authority_key_identifier, "keyid:always") &&
                    AddExtension(leaf.get(), ca.get(), NID_subject_alt_name, names) &&
                    X509_sign(leaf.get(), ca_key.get(), EVP_sha256()) > 0;
  return good ? leaf : nullptr;
}

}  // namespace

std::vector<std::string> Subject::Names() const {
  return {service, service + "." + ns, Main(), Main() + "." + cluster_domain};
}

absl::StatusOr<Issued> Issue(const Subject& subject, int64_t now, int64_t valid_for) {
  ERR_clear_error();
  const pem::Key ca_key(EVP_EC_gen(kCurve), EVP_PKEY_free);
  const pem::Key key(EVP_EC_gen(kCurve), EVP_PKEY_free);
  if (!ca_key || !key) return Failed("make a key");
  const pem::Certificate ca = MakeAuthority(ca_key, now, valid_for);
  if (!ca) return Failed("make an authority");
  const pem::Certificate leaf = MakeLeaf(subject, key, ca, ca_key, now, valid_for);
  if (!leaf) return Failed("make a certificate");
  return Issued{pem::Write(pem::Certificates{leaf}), pem::Write(key), pem::Write(pem::Certificates{ca})};
}

}  // namespace k8sgw::certgen
