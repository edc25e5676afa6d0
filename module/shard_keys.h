// The configuration of the extension `shard`, and the keys that it says.
//
// Its text is "<version> <shards> <labels> <header> <prefix>", such as "2 128 0 expect 2f1c8d0e77a4b5c9-"; the header
// carries the key, which is the prefix and "7" for part 7. All keys are made at once, so a request costs a look-up and
// no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "module/shard.h"

namespace k8sgw::shard {

class Keys {
 public:
  // From the C library: there is no exception to leave the module with, and nothing else of the C++ runtime in it.
  static void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
  static void operator delete(void* keys) { std::free(keys); }

  // Null for what is no such text, of another version, or when there is no memory.
  static std::unique_ptr<const Keys> Parse(Text text);

  Text header() const { return {header_, header_size_}; }
  Text KeyOf(Text host) const {
    const uint32_t shard = ShardOf(host, shards_, labels_);
    return {text_.get() + ends_[shard], ends_[shard + 1] - ends_[shard]};
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  Keys() = default;
  bool MakeAll(Text prefix);

  uint32_t shards_ = 0;
  uint32_t labels_ = 0;
  char header_[kLongestHeader];
  size_t header_size_ = 0;
  // All keys, one after the other, and where each begins and the last one ends.
  std::unique_ptr<char[], Free> text_;
  std::unique_ptr<uint32_t[], Free> ends_;
};

}  // namespace k8sgw::shard
