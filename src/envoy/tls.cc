#include "src/envoy/tls.h"

#include <google/protobuf/wrappers.pb.h>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "envoy/config/core/v3/grpc_service.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/names.h"
#include "src/envoy/tls_check.h"

namespace k8sgw::envoy {
namespace {

using tlsv3::CommonTlsContext;

constexpr char kNoAuthority[] = "names can only be verified with a root CA";
constexpr size_t kMaxServerNameBytes = 255;

tlsv3::TlsParameters::TlsProtocol Version(gloov1::SslParameters::ProtocolVersion version) {
  // The published enum has the numbers of Envoy's.
  return static_cast<tlsv3::TlsParameters::TlsProtocol>(version);
}

void SetParameters(const gloov1::SslParameters& in, Reporter report, tlsv3::TlsParameters& out) {
  const auto low = in.minimum_protocol_version();
  const auto high = in.maximum_protocol_version();
  if (low != gloov1::SslParameters::TLS_AUTO && high != gloov1::SslParameters::TLS_AUTO && low > high) {
    report.Error("minimumProtocolVersion", "is higher than maximumProtocolVersion", "make it the lower one");
  }
  CheckCipherSuites(in.cipher_suites(), report);
  CheckCurves(in.ecdh_curves(), report);
  out.set_tls_minimum_protocol_version(Version(low));
  out.set_tls_maximum_protocol_version(Version(high));
  *out.mutable_cipher_suites() = in.cipher_suites();
  *out.mutable_ecdh_curves() = in.ecdh_curves();
}

void SetAds(tlsv3::SdsSecretConfig& sds, const std::string& name) {
  sds.set_name(name);
  sds.mutable_sds_config()->mutable_ads();
  sds.mutable_sds_config()->set_resource_api_version(::envoy::config::core::v3::V3);
}

// A server of secrets that the user runs: `targetUri` as Google gRPC, or a cluster of Envoy.
void SetSdsServer(const gloov1::SDSConfig& in, const std::string& name, tlsv3::SdsSecretConfig& out) {
  out.set_name(name);
  auto& config = *out.mutable_sds_config();
  config.set_resource_api_version(::envoy::config::core::v3::V3);
  auto& api = *config.mutable_api_config_source();
  api.set_api_type(::envoy::config::core::v3::ApiConfigSource::GRPC);
  api.set_transport_api_version(::envoy::config::core::v3::V3);
  auto& service = *api.add_grpc_services();
  if (!in.cluster_name().empty()) {
    service.mutable_envoy_grpc()->set_cluster_name(in.cluster_name());
    return;
  }
  service.mutable_google_grpc()->set_target_uri(in.target_uri());
  service.mutable_google_grpc()->set_stat_prefix("sds");
}

void AddSans(const google::protobuf::RepeatedPtrField<std::string>& names, tlsv3::CertificateValidationContext& out) {
  for (const std::string& name : names) {
    // Which kind of name it is, the published API does not say: each kind is tried.
    for (const auto kind : {tlsv3::SubjectAltNameMatcher::DNS, tlsv3::SubjectAltNameMatcher::URI,
                            tlsv3::SubjectAltNameMatcher::EMAIL, tlsv3::SubjectAltNameMatcher::IP_ADDRESS}) {
      auto& matcher = *out.add_match_typed_subject_alt_names();
      matcher.set_san_type(kind);
      matcher.mutable_matcher()->set_exact(name);
    }
  }
}

// What is common to both directions. `one_way` leaves out what serves to authenticate the other side (downstream) or
// ourselves (upstream).
struct Parts {
  bool own_certificate = true;
  bool verify_peer = true;
};

template <class Config>
bool FromSecret(const Context& context, const Config& in, const Parts& parts, Reporter& report, CommonTlsContext& out) {
  const SecretRef ref{in.secret_ref().namespace_(), in.secret_ref().name()};
  const Ptr<TlsMaterial> material = context.FindTlsMaterial(ref);
  if (!material) {
    const bool known = context.FindSecret(ref) != nullptr;
    const std::string message =
        known ? "Secret " + ref.ToString() + " has no usable TLS content" : "there is no Secret " + ref.ToString();
    const std::string fix = known ? "mend the Secret" : "create it, or correct name and namespace";
    if (context.settings().gateway().validation().warn_missing_tls_secret().value()) {
      report.Warning("secretRef", message, fix);
    } else {
      report.Error("secretRef", message, fix);
    }
    return false;
  }
  const bool has_pair = !material->certificate_chain.empty();
  const bool has_ca = !material->root_ca.empty() && parts.verify_peer;
  if (!in.verify_subject_alt_name().empty() && material->root_ca.empty()) {
    report.Error("verifySubjectAltName", "names can only be verified with a root CA, which the Secret does not have",
                 "add ca.crt to the Secret, or remove verifySubjectAltName");
    return false;
  }
  if (context.options().secret_delivery == SecretDelivery::kSds) {
    if (has_pair && parts.own_certificate) {
      SetAds(*out.add_tls_certificate_sds_secret_configs(), CertificateSecretName(ref));
    }
    if (has_ca && in.verify_subject_alt_name().empty()) {
      SetAds(*out.mutable_validation_context_sds_secret_config(), AuthoritySecretName(ref));
    } else if (has_ca) {
      auto& combined = *out.mutable_combined_validation_context();
      AddSans(in.verify_subject_alt_name(), *combined.mutable_default_validation_context());
      SetAds(*combined.mutable_validation_context_sds_secret_config(), AuthoritySecretName(ref));
    }
    return true;
  }
  if (has_pair && parts.own_certificate) {
    auto& certificate = *out.add_tls_certificates();
    certificate.mutable_certificate_chain()->set_inline_string(material->certificate_chain);
    certificate.mutable_private_key()->set_inline_string(material->private_key);
    if (!material->ocsp_staple.empty()) certificate.mutable_ocsp_staple()->set_inline_bytes(material->ocsp_staple);
  }
  if (has_ca) {
    out.mutable_validation_context()->mutable_trusted_ca()->set_inline_string(material->root_ca);
    AddSans(in.verify_subject_alt_name(), *out.mutable_validation_context());
  }
  return true;
}

template <class Config>
bool FromFiles(const Config& in, const Parts& parts, Reporter& report, CommonTlsContext& out) {
  const auto& files = in.ssl_files();
  if (files.tls_cert().empty() != files.tls_key().empty()) {
    report.Error("sslFiles", "tlsCert and tlsKey must both be given, or neither", "add the other one");
    return false;
  }
  if (files.tls_cert().empty() && files.root_ca().empty()) {
    report.Error("sslFiles", "names no file", "give tlsCert and tlsKey, or rootCa");
    return false;
  }
  if (!files.tls_cert().empty() && parts.own_certificate) {
    auto& certificate = *out.add_tls_certificates();
    certificate.mutable_certificate_chain()->set_filename(files.tls_cert());
    certificate.mutable_private_key()->set_filename(files.tls_key());
    if (!files.ocsp_staple().empty()) certificate.mutable_ocsp_staple()->set_filename(files.ocsp_staple());
  }
  if (!files.root_ca().empty() && parts.verify_peer) {
    out.mutable_validation_context()->mutable_trusted_ca()->set_filename(files.root_ca());
    AddSans(in.verify_subject_alt_name(), *out.mutable_validation_context());
  } else if (!in.verify_subject_alt_name().empty() && files.root_ca().empty()) {
    report.Error("verifySubjectAltName", kNoAuthority, "add sslFiles.rootCa");
    return false;
  }
  return true;
}

template <class Config>
bool FromSds(const Config& in, const Parts& parts, Reporter& report, CommonTlsContext& out) {
  const auto& sds = in.sds();
  if (sds.target_uri().empty() && sds.cluster_name().empty()) {
    report.Error("sds", "names no server", "give targetUri or clusterName");
    return false;
  }
  if (sds.validation_context_name().empty() && !in.verify_subject_alt_name().empty()) {
    report.Error("verifySubjectAltName", kNoAuthority, "add sds.validationContextName");
    return false;
  }
  if (sds.has_call_credentials()) {
    report.Notice("sds.callCredentials", "is not translated yet, so it has no effect", "remove it until it is");
  }
  if (!sds.certificates_secret_name().empty() && parts.own_certificate) {
    SetSdsServer(sds, sds.certificates_secret_name(), *out.add_tls_certificate_sds_secret_configs());
  }
  if (!in.verify_subject_alt_name().empty() && sds.validation_context_name().empty()) {
    report.Error("verifySubjectAltName", kNoAuthority, "add sds.validationContextName");
    return false;
  }
  if (!sds.validation_context_name().empty() && parts.verify_peer) {
    if (in.verify_subject_alt_name().empty()) {
      SetSdsServer(sds, sds.validation_context_name(), *out.mutable_validation_context_sds_secret_config());
    } else {
      auto& combined = *out.mutable_combined_validation_context();
      AddSans(in.verify_subject_alt_name(), *combined.mutable_default_validation_context());
      SetSdsServer(sds, sds.validation_context_name(), *combined.mutable_validation_context_sds_secret_config());
    }
  }
  return true;
}

template <class Config>
bool SetCommon(const Context& context, const Config& in, const Parts& parts, Reporter& report, CommonTlsContext& out) {
  if (in.has_parameters()) SetParameters(in.parameters(), report.At("parameters"), *out.mutable_tls_params());
  switch (in.ssl_secrets_case()) {
    case Config::kSecretRef: return FromSecret(context, in, parts, report, out);
    case Config::kSslFiles: return FromFiles(in, parts, report, out);
    case Config::kSds: return FromSds(in, parts, report, out);
    case Config::SSL_SECRETS_NOT_SET: break;
  }
  if (in.verify_subject_alt_name().empty()) return true;
  report.Error("verifySubjectAltName", kNoAuthority, "give it by secretRef, sslFiles or sds");
  return false;
}

// Envoy refuses to promise an answer of OCSP that it does not have. What an own server of secrets will bring, nobody
// knows here.
bool HasOcspStaple(const Context& context, const gloov1::SslConfig& in) {
  if (in.has_ssl_files()) return !in.ssl_files().ocsp_staple().empty();
  if (!in.has_secret_ref()) return true;
  const auto material = context.FindTlsMaterial({in.secret_ref().namespace_(), in.secret_ref().name()});
  return material && !material->ocsp_staple.empty();
}

}  // namespace

bool TranslateDownstreamTls(const Context& context, const gloov1::SslConfig& in, Reporter& report,
                            tlsv3::DownstreamTlsContext& out) {
  auto& common = *out.mutable_common_tls_context();
  if (in.ssl_secrets_case() == gloov1::SslConfig::SSL_SECRETS_NOT_SET) {
    report.Error("", "names no certificate", "give secretRef, sslFiles or sds");
    return false;
  }
  if (!SetCommon(context, in, {.own_certificate = true, .verify_peer = !in.one_way_tls().value()}, report, common)) {
    return false;
  }
  if (common.tls_certificates().empty() && common.tls_certificate_sds_secret_configs().empty()) {
    report.Error("", "there is no certificate to show to clients", "give a certificate and its private key");
    return false;
  }
  if (common.validation_context_type_case() != CommonTlsContext::VALIDATION_CONTEXT_TYPE_NOT_SET) {
    out.mutable_require_client_certificate()->set_value(true);
  }
  if (in.alpn_protocols().empty()) {
    common.add_alpn_protocols("h2");
    common.add_alpn_protocols("http/1.1");
  } else if (in.alpn_protocols_size() != 1 || in.alpn_protocols(0) != "allow_empty") {
    CheckAlpnProtocols(in.alpn_protocols(), report);
    *common.mutable_alpn_protocols() = in.alpn_protocols();
  }
  if (in.has_transport_socket_connect_timeout()) {
    CheckDuration(in.transport_socket_connect_timeout(), 0, "transportSocketConnectTimeout", report);
  }
  if (in.ocsp_staple_policy() == gloov1::SslConfig::MUST_STAPLE && !HasOcspStaple(context, in)) {
    report.Error("ocspStaplePolicy", "is MUST_STAPLE, but there is no answer of OCSP to show",
                 "add tls.ocsp-staple to the Secret, or sslFiles.ocspStaple");
  }
  if (in.disable_tls_session_resumption().value()) out.set_disable_stateless_session_resumption(true);
  // The published enum has the numbers of Envoy's.
  out.set_ocsp_staple_policy(static_cast<tlsv3::DownstreamTlsContext::OcspStaplePolicy>(in.ocsp_staple_policy()));
  return !report.failed();
}

bool TranslateUpstreamTls(const Context& context, const gloov1::UpstreamSslConfig& in, Reporter& report,
                          tlsv3::UpstreamTlsContext& out) {
  auto& common = *out.mutable_common_tls_context();
  if (!SetCommon(context, in, {.own_certificate = !in.one_way_tls().value(), .verify_peer = true}, report, common)) {
    return false;
  }
  // Envoy offers servers at most TLS 1.2 unless told more, which would leave nothing to offer.
  if (common.tls_params().tls_minimum_protocol_version() == tlsv3::TlsParameters::TLSv1_3) {
    common.mutable_tls_params()->set_tls_maximum_protocol_version(tlsv3::TlsParameters::TLSv1_3);
  }
  CheckAlpnProtocols(in.alpn_protocols(), report);
  *common.mutable_alpn_protocols() = in.alpn_protocols();
  if (in.sni().size() > kMaxServerNameBytes) report.Error("sni", "is longer than 255 bytes", "use a DNS name");
  out.set_sni(in.sni());
  out.set_allow_renegotiation(in.allow_renegotiation().value());
  return !report.failed();
}

}  // namespace k8sgw::envoy
