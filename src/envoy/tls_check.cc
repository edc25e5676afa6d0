#include "src/envoy/tls_check.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace k8sgw::envoy {
namespace {

constexpr size_t kMaxProtocolBytes = 255;
constexpr size_t kMaxProtocolListBytes = 65535;

constexpr std::string_view kSuites[] = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-PSK-CHACHA20-POLY1305",
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "ECDHE-PSK-AES128-CBC-SHA",
    "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "ECDHE-PSK-AES256-CBC-SHA",
    "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA",
    "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "PSK-AES128-CBC-SHA",
    "TLS_PSK_WITH_AES_128_CBC_SHA",
    "AES256-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "PSK-AES256-CBC-SHA",
    "TLS_PSK_WITH_AES_256_CBC_SHA",
    "DES-CBC3-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
};

constexpr std::string_view kGroups[] = {
    "ALL",    "DEFAULT", "HIGH",   "FIPS",  "SHA",    "SHA1",     "kRSA",  "aRSA",  "RSA",
    "kECDHE", "kEECDH",  "ECDHE",  "EECDH", "aECDSA", "ECDSA",    "kPSK",  "aPSK",  "PSK",
    "3DES",   "AES128",  "AES256", "AES",   "AESGCM", "CHACHA20", "SSLv3", "TLSv1", "TLSv1.2",
};

constexpr std::string_view kCurves[] = {"X25519",    "x25519", "P-256",     "prime256v1",     "P-384",
                                        "secp384r1", "P-521",  "secp521r1", "X25519MLKEM768", "MLKEM1024"};

constexpr char kSuiteFix[] = "use names such as ECDHE-RSA-AES128-GCM-SHA256; the suites of TLS 1.3 are always on";

template <class List>
bool Contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

// A suite, a group, or groups joined by +.
bool IsSelection(std::string_view text) {
  if (Contains(kSuites, text)) return true;
  const auto parts = Split(text, '+');
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) { return Contains(kGroups, part); });
}

// Whether Envoy knows the rule; `adds` becomes true when it chooses suites, rather than moving or removing chosen ones.
bool IsRule(std::string_view rule, bool& adds) {
  if (rule.starts_with('[')) {
    if (!rule.ends_with(']')) return false;
    adds = true;
    const auto parts = Split(rule.substr(1, rule.size() - 2), '|');
    return std::all_of(parts.begin(), parts.end(), IsSelection);
  }
  if (rule.starts_with('+') || rule.starts_with('-') || rule.starts_with('!')) return IsSelection(rule.substr(1));
  adds = true;
  return IsSelection(rule);
}

std::string At(std::string_view field, int i) { return std::string(field) + "[" + std::to_string(i) + "]"; }

}  // namespace

void CheckCipherSuites(const Names& suites, Reporter& report) {
  bool adds = false;
  for (int i = 0; i < suites.size(); ++i) {
    for (std::string_view rule : Split(suites[i], ':')) {
      if (IsRule(rule, adds)) continue;
      report.Error(At("cipherSuites", i), "\"" + std::string(rule) + "\" is no cipher suite that Envoy knows",
                   kSuiteFix);
    }
  }
  if (!suites.empty() && !adds) report.Error("cipherSuites", "choose no suite", kSuiteFix);
}

void CheckCurves(const Names& curves, Reporter& report) {
  std::set<std::string_view> seen;
  for (int i = 0; i < curves.size(); ++i) {
    for (std::string_view curve : Split(curves[i], ':')) {
      if (!Contains(kCurves, curve)) {
        report.Error(At("ecdhCurves", i), "\"" + std::string(curve) + "\" is no curve that Envoy knows",
                     "use X25519, P-256, P-384, P-521 or X25519MLKEM768");
      } else if (!seen.insert(curve).second) {
        report.Error(At("ecdhCurves", i), "\"" + std::string(curve) + "\" stands in the list twice",
                     "remove one of them");
      }
    }
  }
}

void CheckAlpnProtocols(const Names& protocols, Reporter& report) {
  size_t bytes = 0;
  for (int i = 0; i < protocols.size(); ++i) {
    const std::string& name = protocols[i];
    bytes += name.size() + 1;
    const auto fail = [&](std::string what) {
      report.Error(At("alpnProtocols", i), std::move(what), "use names such as h2 and http/1.1");
    };
    if (name.empty()) fail("the name of the protocol is empty");
    if (name.size() > kMaxProtocolBytes) fail("the name of the protocol is longer than 255 bytes");
    if (name.find(',') != std::string::npos) fail("the name of the protocol holds a comma");
  }
  if (bytes > kMaxProtocolListBytes) report.Error("alpnProtocols", "are longer than 65535 bytes", "remove some");
}

}  // namespace k8sgw::envoy
