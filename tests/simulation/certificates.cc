#include "tests/simulation/certificates.h"

namespace k8sgw::sim {
namespace {

constexpr char kCertificateA[] = R"(-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUZiVnR3+kkNks8imeOm2OrgYlVHUwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNYS5leGFtcGxlLmNvbTAgFw0yNjExMjMxMjUyMDRaGA8yMTI2
MTAzMDEyNTIwNFowGDEWMBQGA1UEAwwNYS5leGFtcGxlLmNvbTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABHqVFpFqXZfzWOkQNH0NCTbApqkWpT6GuxnPH7cMyN8u
v+VNH+YbpEKSNBTw8DwXZzh5QnlVpnIYMl4xjTWz0rGjUzBRMB0GA1UdDgQWBBTQ
uuG2q5ctm9tniKghHIccAtVDtTAfBgNVHSMEGDAWgBTQuuG2q5ctm9tniKghHIcc
AtVDtTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICZYJOq1oH63
J5eUeJ/eK8iBdoLlui/g/1BOP5y71lc5AiEAhWPu6o6bqXXiwLW4/EjefORNNYAa
DIL63CK9VOGg37g=
-----END CERTIFICATE-----
)";
constexpr char kKeyA[] = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZsfZUjYWmOVfwo7E
koUQ5KWUBYJJJUxNtIshM9EudTChRANCAAR6lRaRal2X81jpEDR9DQk2wKapFqU+
hrsZzx+3DMjfLr/lTR/mG6RCkjQU8PA8F2c4eUJ5VaZyGDJeMY01s9Kx
-----END PRIVATE KEY-----
)";
constexpr char kCertificateB[] = R"(-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUeJLKQdLIeXzmcU8r3yUDnZ0Z95UwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNYi5leGFtcGxlLmNvbTAgFw0yNjExMjMxMjUyMDRaGA8yMTI2
MTAzMDEyNTIwNFowGDEWMBQGA1UEAwwNYi5leGFtcGxlLmNvbTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABGyQRO+NtNa8SDFC/vLiWl6ufflSEu7kDFMyaIGT/Ug/
7+WXV1jXsc9PbqXUOSr9XPhDpv9esG0MlMr0e1fOqwGjUzBRMB0GA1UdDgQWBBTF
py+2beiupXrX0DsZfk4esQkwcDAfBgNVHSMEGDAWgBTFpy+2beiupXrX0DsZfk4e
sQkwcDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIByOKfSBChs4
cYeW2nLDhZ6CeSXokwHk2AM/tvDqWg0jAiEAwH6PdF8LlJR3rcNIHPPgy7KDSoOh
HqnTVnlY0OIDh8U=
-----END CERTIFICATE-----
)";
constexpr char kKeyB[] = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0prEf+YbsbeiWWrw
JIKL4v27MjSaeYt7/mJeqM8GulihRANCAARskETvjbTWvEgxQv7y4lpern35UhLu
5AxTMmiBk/1IP+/ll1dY17HPT26l1Dkq/Vz4Q6b/XrBtDJTK9HtXzqsB
-----END PRIVATE KEY-----
)";

// The text as a block of YAML.
std::string Block(const std::string& text) {
  std::string out = "|\n";
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    out += "    " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace

std::string RandomTlsData(Random& random) {
  const bool first = random.OneIn(2);
  // Now and then the key belongs to another certificate, or is none.
  const bool fits = !random.OneIn(4);
  const std::string key = random.OneIn(8) ? "nonsense\n" : (first == fits ? kKeyA : kKeyB);
  return "stringData:\n  tls.crt: " + Block(first ? kCertificateA : kCertificateB) + "  tls.key: " + Block(key);
}

std::string RandomAuthorityData(Random& random) {
  const std::string authority = random.OneIn(6) ? "nonsense\n" : (random.OneIn(2) ? kCertificateA : kCertificateB);
  return "stringData:\n  ca.crt: " + Block(authority);
}

}  // namespace k8sgw::sim
