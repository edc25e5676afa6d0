#include "benchmarks/scale/bare_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/struct.pb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"

namespace k8sgw::bench {
namespace {

namespace ads = ::envoy::service::discovery::v3;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
constexpr size_t kHeadSize = 9;
constexpr size_t kPrefixSize = 5;
// Type and nonce of a response stand in front of its resources.
constexpr size_t kBeginning = 512;
constexpr uint32_t kLargestWindow = 0x7fffffff;
constexpr uint32_t kFirstWindow = 65'535;
constexpr uint64_t kUpdateAfter = 256 << 20;
constexpr auto kPatience = std::chrono::minutes(2);

enum Frame : uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7, kWindowUpdate = 8 };
constexpr char kAck = 1;
constexpr char kEndStream = 1;
constexpr char kEndHeaders = 4;
constexpr char kPadded = 8;

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "a bare client: {}\n", what);
  std::exit(1);
}

std::string BigEndian(uint32_t value) {
  value = htonl(value);
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string FrameOf(Frame type, char flags, uint32_t stream, std::string_view payload) {
  std::string out = BigEndian(static_cast<uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += flags;
  out += BigEndian(stream);
  out += payload;
  return out;
}

std::string WindowUpdate(uint32_t stream, uint32_t more) { return FrameOf(kWindowUpdate, 0, stream, BigEndian(more)); }

std::string Text(std::string_view text) { return static_cast<char>(text.size()) + std::string(text); }

// Names that the static table of HPACK has are numbers.
std::string RequestHeaders() {
  std::string out = "\x83\x86";  // POST, http
  out += "\x04" + Text(kPath);
  out += "\x01" + Text("bench");
  out += std::string(1, '\0') + Text("te") + Text("trailers");
  out += "\x0f\x10" + Text("application/grpc");
  return out;
}

// The fields 4 and 5 of a DeltaDiscoveryResponse, when they stand in its beginning.
bool ReadBeginning(std::string_view bytes, ads::DeltaDiscoveryRequest* answer) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t length = 0;
    if ((tag & 7) != 2 || !in.ReadVarint32(&length)) return false;
    if (tag >> 3 == 4) {
      in.ReadString(answer->mutable_type_url(), static_cast<int>(length));
    } else if (tag >> 3 == 5) {
      in.ReadString(answer->mutable_response_nonce(), static_cast<int>(length));
    } else if (!in.Skip(static_cast<int>(length))) {
      break;
    }
    if (!answer->type_url().empty() && !answer->response_nonce().empty()) return true;
  }
  return false;
}

}  // namespace

BareStream::BareStream(int port, const Subscriptions& subscriptions) {
  Connect(port);
  std::string settings{0, 4};  // the window of each stream
  settings += BigEndian(kLargestWindow);
  Send(std::string(kPreface) + FrameOf(kSettings, 0, 0, settings) + WindowUpdate(0, kLargestWindow - kFirstWindow) +
       FrameOf(kHeaders, kEndHeaders, 1, RequestHeaders()));
  bool first = true;
  for (const auto& [type, names] : subscriptions.types) {
    ads::DeltaDiscoveryRequest request;
    if (std::exchange(first, false)) {
      request.mutable_node()->set_id("bench");
      request.mutable_node()->set_cluster("bench");
      (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(subscriptions.role);
    }
    request.set_type_url(std::string(xds::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names_subscribe(name);
    SendMessage(request.SerializeAsString());
  }
}

BareStream::~BareStream() { close(fd_); }

void BareStream::Connect(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) Die(fmt::format("no socket: {}", std::strerror(errno)));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) break;
    close(fd_);
    if (std::chrono::steady_clock::now() > deadline) Die(fmt::format("nobody listens on port {}", port));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd_, F_SETFL, O_NONBLOCK);
}

// What is sent is little: it always fits.
void BareStream::Send(std::string_view bytes) {
  if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    Die(fmt::format("cannot send: {}", std::strerror(errno)));
  }
}

void BareStream::SendMessage(const std::string& message) {
  std::string data(1, '\0');
  data += BigEndian(static_cast<uint32_t>(message.size()));
  data += message;
  Send(FrameOf(kData, 0, 1, data));
}

std::vector<xds::Type> BareStream::OnReadable() {
  std::vector<xds::Type> complete;
  thread_local std::vector<char> buffer(256 << 10);
  const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
  if (size < 0 && errno == EAGAIN) return complete;
  if (size <= 0) Die("the server closed the connection");
  std::string_view bytes(buffer.data(), static_cast<size_t>(size));
  while (!bytes.empty()) TakeFrame(bytes, complete);
  return complete;
}

void BareStream::TakeFrame(std::string_view& bytes, std::vector<xds::Type>& complete) {
  if (head_.size() < kHeadSize) {
    const size_t take = std::min(kHeadSize - head_.size(), bytes.size());
    head_ += bytes.substr(0, take);
    bytes.remove_prefix(take);
    if (head_.size() < kHeadSize) return;
    const auto byte = [this](size_t at) { return static_cast<size_t>(static_cast<uint8_t>(head_[at])); };
    missing_ = byte(0) << 16 | byte(1) << 8 | byte(2);
    payload_.clear();
  }
  const size_t take = std::min(missing_, bytes.size());
  if (head_[3] == kData) {
    if (head_[4] & kPadded) Die("data with padding");
    TakeData(bytes.substr(0, take), complete);
  } else {
    payload_ += bytes.substr(0, take);
  }
  bytes.remove_prefix(take);
  missing_ -= take;
  if (missing_ > 0) return;
  OnSmallFrame();
  head_.clear();
}

void BareStream::OnSmallFrame() {
  const char type = head_[3];
  const char flags = head_[4];
  const bool ends = (type == kData || type == kHeaders) && (flags & kEndStream);
  if (ends || type == kReset || type == kGoAway) Die(fmt::format("the server ended the stream, frame {}", int{type}));
  if (type == kSettings && !(flags & kAck)) Send(FrameOf(kSettings, kAck, 0, ""));
  if (type == kPing && !(flags & kAck)) Send(FrameOf(kPing, kAck, 0, payload_));
}

void BareStream::TakeData(std::string_view data, std::vector<xds::Type>& complete) {
  unacknowledged_ += data.size();
  if (unacknowledged_ > kUpdateAfter) {
    const auto more = static_cast<uint32_t>(std::exchange(unacknowledged_, 0));
    Send(WindowUpdate(0, more) + WindowUpdate(1, more));
  }
  while (!data.empty()) {
    if (prefix_.size() < kPrefixSize) {
      const size_t take = std::min(kPrefixSize - prefix_.size(), data.size());
      prefix_ += data.substr(0, take);
      data.remove_prefix(take);
      if (prefix_.size() < kPrefixSize) return;
      uint32_t length = 0;
      std::memcpy(&length, prefix_.data() + 1, sizeof length);
      message_missing_ = ntohl(length);
    }
    const size_t take = std::min(message_missing_, data.size());
    const size_t room = keep_ ? take : std::min(take, kBeginning - std::min(kBeginning, message_.size()));
    message_ += data.substr(0, room);
    data.remove_prefix(take);
    message_missing_ -= take;
    if (message_missing_ == 0) OnMessage(complete);
  }
}

void BareStream::OnMessage(std::vector<xds::Type>& complete) {
  ads::DeltaDiscoveryRequest answer;
  if (!ReadBeginning(std::string_view(message_).substr(0, kBeginning), &answer)) Die("a response without a nonce");
  const auto type = xds::TypeOfUrl(answer.type_url());
  if (!type) Die("a response of type " + answer.type_url());
  SendMessage(answer.SerializeAsString());
  if (keep_) kept_[static_cast<size_t>(*type)] = std::move(message_);
  message_.clear();
  prefix_.clear();
  complete.push_back(*type);
}

}  // namespace k8sgw::bench
