#include "module/shard_keys.h"

#include <cstring>

namespace k8sgw::shard {
namespace {

// What is behind a word of this size, and the space after it.
Text Behind(Text text, size_t word) { return {text.data + word + 1, text.size - word - 1}; }

// Takes a number and the space behind it; false for anything else.
bool TakeNumber(Text& text, uint32_t most, uint32_t& out) {
  uint32_t value = 0;
  size_t digits = 0;
  for (; digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9'; ++digits) {
    if (digits == kMostDigits) return false;
    value = value * 10 + static_cast<uint32_t>(text.data[digits] - '0');
  }
  if (digits == 0 || value > most || digits == text.size || text.data[digits] != ' ') return false;
  out = value;
  text = Behind(text, digits);
  return true;
}

bool TakeVersion(Text& text) {
  const size_t size = sizeof(kVersion) - 1;
  if (text.size <= size || std::memcmp(text.data, kVersion, size) != 0 || text.data[size] != ' ') return false;
  text = Behind(text, size);
  return true;
}

// A name as Envoy writes it, and the space behind it.
bool TakeHeader(Text& text, char* out, uint32_t& out_size) {
  uint32_t size = 0;
  for (; size < text.size && text.data[size] != ' '; ++size) {
    const char c = text.data[size];
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (!fits || size == kLongestHeader) return false;
    out[size] = c;
  }
  if (size == 0 || size == text.size) return false;
  out_size = size;
  text = Behind(text, size);
  return true;
}

// It will stand in a header.
bool IsPrefix(Text text) {
  if (text.size == 0 || text.size > kLongestPrefix) return false;
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] <= ' ' || text.data[i] > '~') return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<const Keys> Keys::Parse(Text text) {
  std::unique_ptr<Keys> keys(new (std::nothrow) Keys());
  if (!keys || !TakeVersion(text) || !TakeNumber(text, kMostShards, keys->shards_) || keys->shards_ == 0 ||
      !TakeHeader(text, keys->header_, keys->header_size_) || !IsPrefix(text))
    return nullptr;
  std::memcpy(keys->prefix_, text.data, text.size);
  keys->prefix_size_ = static_cast<uint32_t>(text.size);
  return keys;
}

}  // namespace k8sgw::shard
