#include "module/shard_keys.h"

#include <cstdlib>
#include <cstring>

namespace k8sgw::shard {
namespace {

constexpr size_t kMostDigits = 4;

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
bool TakeHeader(Text& text, char* out, size_t& out_size) {
  size_t size = 0;
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

size_t WriteNumber(uint32_t value, char* out) {
  char reversed[10];
  size_t size = 0;
  do {
    reversed[size++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  for (size_t i = 0; i < size; ++i) out[i] = reversed[size - 1 - i];
  return size;
}

}  // namespace

std::unique_ptr<const Keys> Keys::Parse(Text text) {
  std::unique_ptr<Keys> keys(new (std::nothrow) Keys());
  if (!keys || !TakeVersion(text) || !TakeNumber(text, kMostShards, keys->shards_) || keys->shards_ == 0 ||
      !TakeNumber(text, kMostLabels, keys->labels_) || !TakeHeader(text, keys->header_, keys->header_size_) ||
      !IsPrefix(text) || !keys->MakeAll(text))
    return nullptr;
  return keys;
}

bool Keys::MakeAll(Text prefix) {
  ends_.reset(static_cast<uint32_t*>(std::malloc((shards_ + 1) * sizeof(uint32_t))));
  text_.reset(static_cast<char*>(std::malloc(shards_ * (prefix.size + kMostDigits))));
  if (!ends_ || !text_) return false;
  size_t at = 0;
  for (uint32_t i = 0; i < shards_; ++i) {
    ends_[i] = static_cast<uint32_t>(at);
    std::memcpy(text_.get() + at, prefix.data, prefix.size);
    at += prefix.size;
    at += WriteNumber(i, text_.get() + at);
  }
  ends_[shards_] = static_cast<uint32_t>(at);
  return true;
}

}  // namespace k8sgw::shard
