// Takes decisions from the bytes of an input; when they are used up, every decision is the first one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace k8sgw::fuzz {

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool done() const { return size_ == 0; }
  size_t Below(size_t n) { return n == 0 ? 0 : Byte() % n; }
  bool Flip() { return Byte() % 2 == 1; }

  // Up to `most` bytes.
  std::string Bytes(size_t most) {
    const size_t count = std::min({static_cast<size_t>(Byte()), most, size_});
    std::string out(reinterpret_cast<const char*>(data_), count);
    data_ += count;
    size_ -= count;
    return out;
  }

 private:
  uint8_t Byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  const uint8_t* data_;
  size_t size_;
};

}  // namespace k8sgw::fuzz
