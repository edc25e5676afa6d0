// Which part of a divided route table answers for a host. The control plane that divides the table and the module in
// Envoy that picks the part both compile this file, so they agree; whatever is changed here needs a new kVersion.
//
// Envoy may strip the port, and dots at the end, before it looks for a host. ShardOf gives the same for the host as it
// came and as Envoy looks for it, in any case of letters. It allocates nothing, and needs no library.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace k8sgw::shard {

// Of the function, and of the module's configuration: a proxy says in its node's metadata which one it has.
inline constexpr char kVersion[] = "3";
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
inline constexpr char kModuleName[] = "k8sgateway_3";
inline constexpr char kExtensionName[] = "shard";

inline constexpr uint32_t kMostShards = 4096;
inline constexpr size_t kLongestHeader = 32;
// Of a key, before its number.
inline constexpr size_t kLongestPrefix = 32;

struct Text {
  const char* data;
  size_t size;
};

// Eight bytes at a time; the first is the lowest on every machine.
inline constexpr size_t kWord = sizeof(uint64_t);
inline constexpr uint64_t kOnes = 0x0101010101010101u;

inline uint64_t WordAt(const char* data) {
  uint64_t word;
  std::memcpy(&word, data, kWord);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Fewer than eight, and zeros behind them.
inline uint64_t WordOf(Text bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < bytes.size; ++i) word |= uint64_t{static_cast<unsigned char>(bytes.data[i])} << (8 * i);
  return word;
}

// Each of A to Z becomes small. Sums of seven bits stay within their byte: the eighth says whether a bound is reached.
inline uint64_t Lower(uint64_t word) {
  const uint64_t seven_bits = word & (kOnes * 0x7f);
  const uint64_t from_a = seven_bits + kOnes * (0x80 - 'A');
  const uint64_t behind_z = seven_bits + kOnes * (0x7f - 'Z');
  return word | (from_a & ~behind_z & ~word & (kOnes * 0x80)) >> 2;
}

// Where the first colon is, from `at` on; the end when there is none.
inline size_t FindColon(Text text, size_t at) {
  for (; at + kWord <= text.size; at += kWord) {
    // The lowest byte that is zero has its highest bit set here, and no lower one has.
    const uint64_t zero_where = WordAt(text.data + at) ^ (kOnes * ':');
    const uint64_t found = (zero_where - kOnes) & ~zero_where & (kOnes * 0x80);
    if (found != 0) return at + static_cast<size_t>(std::countr_zero(found)) / 8;
  }
  while (at < text.size && text.data[at] != ':') ++at;
  return at;
}

// Without port and dots at the end. A port begins at the first colon, behind the bracket of an IPv6 address if there is
// one: what is cut once stays as it is when it is cut again.
inline Text Trim(Text host) {
  size_t at = 0;
  if (host.size > 0 && host.data[0] == '[') {
    while (at < host.size && host.data[at] != ']') ++at;
    if (at == host.size) at = 0;
  }
  host.size = FindColon(host, at);
  while (host.size > 0 && host.data[host.size - 1] == '.') --host.size;
  return host;
}

// In [0, shards). `shards` is not 0.
inline uint32_t ShardOf(Text host, uint32_t shards) {
  const Text name = Trim(host);
  uint64_t hash = name.size;
  const auto mix = [&hash](uint64_t word) {
    hash = (hash ^ Lower(word)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  };
  size_t at = 0;
  for (; at + kWord <= name.size; at += kWord) mix(WordAt(name.data + at));
  mix(WordOf({name.data + at, name.size - at}));
  hash *= 0xd6e8feb86659fd93u;
  // The upper half as a fraction of all that it can be: that needs no division.
  return static_cast<uint32_t>((hash >> 32) * shards >> 32);
}

}  // namespace k8sgw::shard
