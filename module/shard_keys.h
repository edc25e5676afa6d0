// The configuration of the extension `shard`, and the keys that it says.
//
// Its text is "<version> <shards> <header> <prefix>", such as "3 128 expect 2f1c8d0e77a4b5c9-"; the header carries the
// key, which is the prefix and "7" for part 7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "module/shard.h"

namespace k8sgw::shard {

inline constexpr size_t kMostDigits = 4;
static_assert(kMostShards <= 10'000);
inline constexpr size_t kLongestKey = kLongestPrefix + kMostDigits;

class Keys {
 public:
  // From the C library: there is no exception to leave the module with, and nothing else of the C++ runtime in it.
  static void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
  static void operator delete(void* keys) { std::free(keys); }

  // Null for what is no such text, of another version, or when there is no memory.
  static std::unique_ptr<const Keys> Parse(Text text);

  Text header() const { return {header_, header_size_}; }
  // The key of a host's part, in `out`. Of constant size, a copy is no call.
  Text KeyOf(Text host, char (&out)[kLongestKey]) const {
    std::memcpy(out, prefix_, kLongestPrefix);
    return {out, prefix_size_ + WriteNumber(ShardOf(host, shards_), out + prefix_size_)};
  }

 private:
  Keys() = default;
  // Returns how many digits it has.
  static size_t WriteNumber(uint32_t value, char* out) {
    char reversed[kMostDigits];
    size_t size = 0;
    do {
      reversed[size++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < size; ++i) out[i] = reversed[size - 1 - i];
    return size;
  }

  // What a request reads lies together.
  char prefix_[kLongestPrefix] = {};
  uint32_t prefix_size_ = 0;
  uint32_t shards_ = 0;
  uint32_t header_size_ = 0;
  char header_[kLongestHeader];
};

}  // namespace k8sgw::shard
