// The client's side of RFC 6455, as far as API servers speak it: frames to and from bytes. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace k8sgw::cli {

enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct Frame {
  Opcode opcode = Opcode::kBinary;
  std::string payload;

  bool operator==(const Frame&) const = default;
};

// What is sent to a server is masked; the mask need not be a secret here, as no browser is between.
std::string EncodeFrame(const Frame& frame, const std::array<uint8_t, 4>& mask);

// What a server answers to this Sec-WebSocket-Key.
std::string AcceptOf(std::string_view key);

// Takes bytes as they come, and gives whole messages: fragments are joined.
class FrameReader {
 public:
  // Larger ones are an error: nobody sends them.
  static constexpr size_t kMaxMessage = 1 << 20;

  void Feed(std::string_view bytes) { buffer_.append(bytes); }
  // nullopt when more bytes are needed. Errors: the bytes are no frames of a server.
  absl::StatusOr<std::optional<Frame>> Next();

 private:
  absl::StatusOr<std::optional<Frame>> NextFrame(bool* last);

  std::string buffer_;
  // Of a message whose fragments are coming.
  std::optional<Frame> partial_;
};

}  // namespace k8sgw::cli
