// A host, any bytes, and the configuration of the module: the part of a host is the same in whatever form Envoy looks
// for it, and configuration is refused or makes keys.
#include <string>
#include <string_view>

#include "module/shard_keys.h"
#include "tests/fuzz/require.h"

namespace k8sgw::fuzz {
namespace {

uint32_t Of(const std::string& host) {
  const uint32_t shard = shard::ShardOf({host.data(), host.size()}, 4096);
  Require(shard < 4096, "a part is one of all", host);
  return shard;
}

void CheckHost(const std::string& host) {
  const uint32_t shard = Of(host);
  const shard::Text cut = shard::Trim({host.data(), host.size()});
  const std::string trimmed(cut.data, cut.size);
  Require(Of(trimmed) == shard, "without port and dots it is the same", host);
  Require(Of(trimmed + ".") == shard || trimmed.starts_with("["), "with a dot it is the same", host);
  Require(Of(trimmed + ":80") == shard || trimmed.starts_with("["), "with a port it is the same", host);
  std::string upper = host;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  Require(Of(upper) == shard, "in upper case it is the same", host);
}

}  // namespace
}  // namespace k8sgw::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  k8sgw::fuzz::CheckHost(text);
  const size_t cut = text.find('\n');
  const std::string config = text.substr(0, cut);
  const std::string host = cut == std::string::npos ? "" : text.substr(cut + 1);
  const auto keys = k8sgw::shard::Keys::Parse({config.data(), config.size()});
  if (!keys) return 0;
  char place[k8sgw::shard::kLongestKey];
  const auto key = keys->KeyOf({host.data(), host.size()}, place);
  const std::string_view made(key.data, key.size);
  const std::string prefix = config.substr(config.rfind(' ') + 1);
  k8sgw::fuzz::Require(made.starts_with(prefix) && made.size() > prefix.size(), "a key is the prefix and a number",
                       made);
  return 0;
}
