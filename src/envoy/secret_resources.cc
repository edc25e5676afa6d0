#include "src/envoy/secret_resources.h"

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"

namespace k8sgw::envoy {
namespace {

bool SamePtr(const Ptr<xds::Resource>& a, const Ptr<xds::Resource>& b) { return a == b || (a && b && *a == *b); }

}  // namespace

bool SecretResources::operator==(const SecretResources& other) const {
  return SamePtr(certificate, other.certificate) && SamePtr(authority, other.authority);
}

SecretResources MakeSecretResources(const SecretRef& ref, const TlsMaterial& material) {
  SecretResources out;
  if (!material.certificate_chain.empty()) {
    tlsv3::Secret secret;
    secret.set_name(CertificateSecretName(ref));
    auto& certificate = *secret.mutable_tls_certificate();
    certificate.mutable_certificate_chain()->set_inline_string(material.certificate_chain);
    certificate.mutable_private_key()->set_inline_string(material.private_key);
    if (!material.ocsp_staple.empty()) certificate.mutable_ocsp_staple()->set_inline_bytes(material.ocsp_staple);
    out.certificate = MakeResource(xds::Type::kSecret, secret.name(), secret);
  }
  if (!material.root_ca.empty()) {
    tlsv3::Secret secret;
    secret.set_name(AuthoritySecretName(ref));
    secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_string(material.root_ca);
    out.authority = MakeResource(xds::Type::kSecret, secret.name(), secret);
  }
  return out;
}

}  // namespace k8sgw::envoy
