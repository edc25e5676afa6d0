// For tests: a client that writes HTTP/2 by hand, to send what no library of gRPC would, such as a message without its
// end. It keeps to the windows that the server gives, and never reads more of answers than their status.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace k8sgw::testing {

class RawClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    WriteAll("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    WriteFrame(kSettings, 0, 0, "");
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // A call of a method ("/package.Service/Method"), without anything of its body.
  uint32_t Open(const std::string& method, const Headers& more = {}) {
    const uint32_t id = next_id_;
    next_id_ += 2;
    std::string block;
    const Headers common = {{":method", "POST"},         {":scheme", "http"}, {":path", method},
                            {":authority", "localhost"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
    for (const Headers& headers : {common, more}) {
      for (const auto& [name, value] : headers) {
        block += '\0';  // a literal that is not to be remembered
        AppendText(name, block);
        AppendText(value, block);
      }
    }
    calls_[id].window = first_window_;
    WriteFrame(kHeaders, kEndHeaders, id, block);
    return id;
  }

  // Returns how much was sent: less than all when the call has ended, or when the server makes no room for so long.
  size_t Send(uint32_t id, std::string_view bytes, bool last = false,
              std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    Call& call = calls_[id];
    size_t sent = 0;
    while (sent < bytes.size()) {
      Receive(std::chrono::milliseconds(0));
      const int64_t room = std::min({window_, call.window, kFrame, static_cast<int64_t>(bytes.size() - sent)});
      if (call.ended || !open_ || (room <= 0 && !Receive(patience))) return sent;
      if (room <= 0) continue;
      const bool end = last && sent + static_cast<size_t>(room) == bytes.size();
      WriteFrame(kData, end ? kEndStream : 0, id, bytes.substr(sent, static_cast<size_t>(room)));
      window_ -= room;
      call.window -= room;
      sent += static_cast<size_t>(room);
    }
    return sent;
  }

  // What stands before each message: whether it is compressed, and its length.
  static std::string Prefix(size_t length, bool compressed = false) {
    std::string prefix(1, compressed ? '\1' : '\0');
    AppendNumber(length, 4, prefix);
    return prefix;
  }

  // Whether the server has ended the call, or will within this time.
  bool Ended(uint32_t id, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (open_ && !calls_[id].ended) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left.count() <= 0) return false;
      Receive(std::chrono::ceil<std::chrono::milliseconds>(left));
    }
    return true;
  }

  // The code of the status of the first call of this client that was answered; nullopt when it was cut, or has not
  // ended. Only the first, since later ones may refer to it.
  std::optional<int> Status(uint32_t id, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    if (!Ended(id, patience)) return std::nullopt;
    const std::string& answer = calls_[id].headers;
    const std::string name = "grpc-status";
    const size_t at = answer.rfind(name);
    if (at == answer.npos) return std::nullopt;
    const size_t length = static_cast<unsigned char>(answer.at(at + name.size()));
    return std::stoi(answer.substr(at + name.size() + 1, length));
  }

 private:
  enum Type : uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7, kUpdate = 8 };
  static constexpr uint8_t kEndStream = 1;  // also that of an answer to settings and pings
  static constexpr uint8_t kEndHeaders = 4;
  static constexpr uint16_t kFirstWindow = 4;
  static constexpr int64_t kFrame = 16384;

  struct Call {
    int64_t window = 0;
    bool ended = false;
    std::string headers;
  };

  static void AppendNumber(size_t number, int bytes, std::string& out) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i));
  }
  static uint32_t Number(std::string_view bytes) {
    uint32_t number = 0;
    for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
  }
  // As HPACK writes it, without Huffman's code.
  static void AppendText(std::string_view text, std::string& out) {
    size_t length = text.size();
    if (length < 127) {
      out += static_cast<char>(length);
    } else {
      out += '\x7f';
      for (length -= 127; length > 127; length >>= 7) out += static_cast<char>((length & 0x7f) | 0x80);
      out += static_cast<char>(length);
    }
    out += text;
  }

  void WriteFrame(Type type, uint8_t flags, uint32_t id, std::string_view payload) {
    std::string frame;
    AppendNumber(payload.size(), 3, frame);
    frame += static_cast<char>(type);
    frame += static_cast<char>(flags);
    AppendNumber(id, 4, frame);
    frame += payload;
    WriteAll(frame);
  }
  void WriteAll(std::string_view bytes) {
    while (open_ && !bytes.empty()) {
      const ssize_t n = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      open_ = n > 0;
      if (open_) bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  // Takes what has come; false when nothing comes for so long.
  bool Receive(std::chrono::milliseconds patience) {
    pollfd waiting{socket_, POLLIN, 0};
    if (!open_ || poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return false;
    char buffer[1 << 14];
    const ssize_t n = recv(socket_, buffer, sizeof(buffer), 0);
    open_ = n > 0;
    if (!open_) return false;
    received_.append(buffer, static_cast<size_t>(n));
    while (received_.size() >= 9) {
      const size_t length = Number(std::string_view(received_).substr(0, 3));
      if (received_.size() < 9 + length) break;
      const std::string frame = received_.substr(0, 9 + length);
      received_.erase(0, 9 + length);
      Take(static_cast<Type>(frame[3]), static_cast<uint8_t>(frame[4]),
           Number(std::string_view(frame).substr(5, 4)) & 0x7fffffff, std::string_view(frame).substr(9));
    }
    return true;
  }

  void Take(Type type, uint8_t flags, uint32_t id, std::string_view payload) {
    if (type == kSettings && !(flags & kEndStream)) {
      for (; payload.size() >= 6; payload.remove_prefix(6)) {
        if (Number(payload.substr(0, 2)) != kFirstWindow) continue;
        const int64_t before = std::exchange(first_window_, Number(payload.substr(2, 4)));
        for (auto& [other, call] : calls_) call.window += first_window_ - before;
      }
      WriteFrame(kSettings, kEndStream, 0, "");
    } else if (type == kPing && !(flags & kEndStream)) {
      WriteFrame(kPing, kEndStream, 0, payload);
    } else if (type == kUpdate) {
      (id == 0 ? window_ : calls_[id].window) += Number(payload) & 0x7fffffff;
    } else if (type == kHeaders) {
      calls_[id].headers += payload;
    }
    const bool ends = type == kReset || ((type == kHeaders || type == kData) && (flags & kEndStream));
    if (ends) calls_[id].ended = true;
  }

  const int socket_;
  bool open_ = false;
  uint32_t next_id_ = 1;
  int64_t window_ = 65535;
  int64_t first_window_ = 65535;
  std::map<uint32_t, Call> calls_;
  std::string received_;
};

}  // namespace k8sgw::testing
