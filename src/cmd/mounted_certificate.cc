#include "src/cmd/mounted_certificate.h"

#include <fstream>
#include <iterator>

#include "src/pem/pem.h"

namespace k8sgw {
namespace {

pem::Certificates Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const auto found = pem::ReadCertificates({std::istreambuf_iterator<char>(in), {}});
  return found.ok() ? *found : pem::Certificates();
}

}  // namespace

int64_t MountedCertificateEnd(const std::string& folder) {
  if (folder.empty()) return 0;
  const pem::Certificates chain = Read(folder + "/tls.crt");
  if (chain.empty()) return 0;
  const pem::Certificates authorities = Read(folder + "/ca.crt");
  return pem::EndOf(chain, authorities.empty() ? chain : authorities);
}

}  // namespace k8sgw
