// Which part of a divided route table answers for a host. The control plane that divides the table and the module in
// Envoy that picks the part both compile this file, so they agree; whatever is changed here needs a new kVersion.
//
// Envoy may strip the port, and dots at the end, before it looks for a host. ShardOf gives the same for the host as it
// came and as Envoy looks for it, in any case of letters. It allocates nothing, and needs no library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace k8sgw::shard {

// Of the function, and of the module's configuration: a proxy says in its node's metadata which one it has.
inline constexpr char kVersion[] = "2";
// The header that carries the key of the part, set by the module over whatever a client sends; it does not reach
// upstreams.
//
// For a name of our own Envoy would make an index of all headers of each request, which costs nearly as much as the
// rest of the division. A few names have a place of their own there, and this is the one that is free by then: Envoy
// has answered "100-continue", and nothing else is defined (RFC 9110, 10.1.1).
inline constexpr char kHeader[] = "expect";
// Where that one is not free: what is expected is passed on, or servers that authorize requests may be sent it.
inline constexpr char kOwnHeader[] = "x-k8sgw-shard";
// The module is the file lib<this>.so in a folder of ENVOY_DYNAMIC_MODULES_SEARCH_PATH. A file is never written over
// while an Envoy has it, so another version has another name.
inline constexpr char kModuleName[] = "k8sgateway_2";
inline constexpr char kExtensionName[] = "shard";

inline constexpr uint32_t kMostShards = 4096;
inline constexpr uint32_t kMostLabels = 16;
inline constexpr size_t kLongestHeader = 64;
inline constexpr size_t kLongestPrefix = 512;

struct Text {
  const char* data;
  size_t size;
};

// Without port and dots at the end. A port begins at the first colon, behind the bracket of an IPv6 address if there is
// one: what is cut once stays as it is when it is cut again.
inline Text Trim(Text host) {
  size_t at = 0;
  if (host.size > 0 && host.data[0] == '[') {
    while (at < host.size && host.data[at] != ']') ++at;
    if (at == host.size) at = 0;
  }
  while (at < host.size && host.data[at] != ':') ++at;
  host.size = at;
  while (host.size > 0 && host.data[host.size - 1] == '.') --host.size;
  return host;
}

// The last `labels` labels of a name that Trim has cut; all of it for 0, and of an IPv6 address.
inline Text LastLabels(Text host, uint32_t labels) {
  if (labels == 0 || host.size == 0 || host.data[0] == '[') return host;
  size_t begin = host.size;
  for (uint32_t dots = 0; begin > 0; --begin) {
    if (host.data[begin - 1] == '.' && ++dots == labels) break;
  }
  return {host.data + begin, host.size - begin};
}

// In [0, shards). `shards` is not 0.
inline uint32_t ShardOf(Text host, uint32_t shards, uint32_t labels) {
  const Text name = LastLabels(Trim(host), labels);
  uint32_t hash = 2166136261u;  // FNV-1a, then mixed, as its low bits are weak
  for (size_t i = 0; i < name.size; ++i) {
    unsigned char c = static_cast<unsigned char>(name.data[i]);
    if (c >= 'A' && c <= 'Z') c = static_cast<unsigned char>(c + ('a' - 'A'));
    hash = (hash ^ c) * 16777619u;
  }
  hash ^= hash >> 16;
  hash *= 0x7feb352du;
  hash ^= hash >> 15;
  hash *= 0x846ca68bu;
  hash ^= hash >> 16;
  return hash % shards;
}

}  // namespace k8sgw::shard
