// What Envoy (its BoringSSL) accepts in TLS parameters: one wrong name makes it refuse a whole listener, and an empty
// ALPN name ends it.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <string>

#include "src/envoy/reporter.h"

namespace k8sgw::envoy {

using Names = google::protobuf::RepeatedPtrField<std::string>;

// Cipher suites by OpenSSL's or IANA's name, groups of them such as ECDHE+AESGCM, with + - ! before them, and [a|b] for
// suites of equal rank.
void CheckCipherSuites(const Names& suites, Reporter& report);
void CheckCurves(const Names& curves, Reporter& report);
void CheckAlpnProtocols(const Names& protocols, Reporter& report);

}  // namespace k8sgw::envoy
