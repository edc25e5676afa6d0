#include "src/cli/forward/websocket.h"

#include <openssl/sha.h>

#include <utility>

#include "src/base/base64.h"

namespace k8sgw::cli {
namespace {

constexpr char kGuid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kMasked = 0x80;

uint8_t Byte(const std::string& text, size_t at) { return static_cast<uint8_t>(text[at]); }

bool IsControl(Opcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

}  // namespace

std::string EncodeFrame(const Frame& frame, const std::array<uint8_t, 4>& mask) {
  std::string out(1, static_cast<char>(kFinal | static_cast<uint8_t>(frame.opcode)));
  const uint64_t size = frame.payload.size();
  const auto put = [&](int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xff);
  };
  if (size < 126) {
    out += static_cast<char>(kMasked | size);
  } else if (size < 65536) {
    out += static_cast<char>(kMasked | 126);
    put(2);
  } else {
    out += static_cast<char>(kMasked | 127);
    put(8);
  }
  for (const uint8_t byte : mask) out += static_cast<char>(byte);
  for (size_t i = 0; i < size; ++i) out += static_cast<char>(Byte(frame.payload, i) ^ mask[i % 4]);
  return out;
}

std::string AcceptOf(std::string_view key) {
  const std::string text = std::string(key) + kGuid;
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return EncodeBase64({reinterpret_cast<const char*>(digest), sizeof(digest)});
}

absl::StatusOr<std::optional<Frame>> FrameReader::NextFrame(bool* last) {
  if (buffer_.size() < 2) return std::optional<Frame>();
  const uint8_t first = Byte(buffer_, 0);
  if ((first & kReserved) != 0 || (Byte(buffer_, 1) & kMasked) != 0)
    return absl::DataLossError("the server sent a WebSocket frame that nobody asked for");
  *last = (first & kFinal) != 0;
  uint64_t size = Byte(buffer_, 1);
  size_t header = 2;
  if (size >= 126) {
    const size_t bytes = size == 126 ? 2 : 8;
    if (buffer_.size() < header + bytes) return std::optional<Frame>();
    size = 0;
    for (size_t i = 0; i < bytes; ++i) size = size << 8 | Byte(buffer_, header + i);
    header += bytes;
  }
  if (size > kMaxMessage) return absl::DataLossError("the server sent a WebSocket frame that is too large");
  if (buffer_.size() < header + size) return std::optional<Frame>();
  Frame frame{static_cast<Opcode>(first & 0x0f), buffer_.substr(header, size)};
  buffer_.erase(0, header + size);
  return std::optional<Frame>(std::move(frame));
}

absl::StatusOr<std::optional<Frame>> FrameReader::Next() {
  for (;;) {
    bool last = false;
    absl::StatusOr<std::optional<Frame>> frame = NextFrame(&last);
    if (!frame.ok() || !*frame) return frame;
    // Control frames may stand between fragments.
    if (IsControl((*frame)->opcode)) return frame;
    const bool goes_on = (*frame)->opcode == Opcode::kContinuation;
    if (goes_on != partial_.has_value()) return absl::DataLossError("the server sent WebSocket fragments out of order");
    if (!partial_) {
      partial_ = *std::move(*frame);
    } else {
      partial_->payload += (*frame)->payload;
      if (partial_->payload.size() > kMaxMessage)
        return absl::DataLossError("the server sent a WebSocket message that is too large");
    }
    if (last) return std::exchange(partial_, std::nullopt);
  }
}

}  // namespace k8sgw::cli
