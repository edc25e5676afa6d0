#include "src/wasm_cache/digest.h"

#include <openssl/sha.h>

#include "src/base/text.h"

namespace k8sgw::wasm_cache {

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * sizeof(digest));
  for (const unsigned char byte : digest) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

std::string Sha256Digest(std::string_view bytes) { return Cat("sha256:", Sha256Hex(bytes)); }

}  // namespace k8sgw::wasm_cache
