// TLS for listeners and clusters: contexts from the published sslConfig messages, and the content of TLS secrets.
#pragma once

#include <optional>

#include "src/envoy/context.h"
#include "src/envoy/reporter.h"

namespace envoy::extensions::transport_sockets::tls::v3 {
class DownstreamTlsContext;
class UpstreamTlsContext;
}  // namespace envoy::extensions::transport_sockets::tls::v3
namespace gloo::solo::io {
class SslConfig;
class SslParameters;
class UpstreamSslConfig;
}  // namespace gloo::solo::io

namespace k8sgw::envoy {

namespace tlsv3 = ::envoy::extensions::transport_sockets::tls::v3;

// The checked content of a Secret of kind tls; nullopt, with errors, when it cannot be used: no PEM, a key that does
// not belong to the certificate, an encrypted key. Expired and not yet valid certificates are warnings. PEM blocks are
// written anew, so that stray bytes around them do not reach Envoy. `now` is in seconds since 1970.
std::optional<TlsMaterial> ReadTlsSecret(const gloov1::Secret& secret, int64_t now, Reporter& report);

// Both return false, with the reason reported, when no usable context can be made.
// A missing Secret is an error at `secretRef`, or a warning with Settings' warnMissingTlsSecret.
bool TranslateDownstreamTls(const Context& context, const gloov1::SslConfig& in, Reporter& report,
                            tlsv3::DownstreamTlsContext& out);
bool TranslateUpstreamTls(const Context& context, const gloov1::UpstreamSslConfig& in, Reporter& report,
                          tlsv3::UpstreamTlsContext& out);

}  // namespace k8sgw::envoy
