#include "src/cli/forward/upgraded.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/sources/kube/api_status.h"
#include "src/sources/kube/server_address.h"
#include "src/sources/kube/text.h"

namespace k8sgw::cli {
namespace {

constexpr size_t kMaxHead = 64 << 10;
constexpr size_t kMaxBody = 64 << 10;

std::array<uint8_t, 4> NewMask() {
  static thread_local std::minstd_rand engine{std::random_device()()};
  const auto number = static_cast<uint32_t>(engine());
  return {static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number >> 16),
          static_cast<uint8_t>(number >> 24)};
}

std::string NewKey() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += static_cast<char>(random());
  return EncodeBase64(bytes);
}

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// The value of a header of an answer; "" when it is not there.
std::string HeaderOf(const std::string& head, const std::string& name) {
  const size_t at = Lower(head).find("\r\n" + name + ":");
  if (at == std::string::npos) return "";
  const size_t begin = at + 2 + name.size() + 1;
  return kube::Trim(std::string_view(head).substr(begin, head.find("\r\n", begin) - begin));
}

int CodeOf(const std::string& head) {
  int code = 0;
  const size_t space = head.find(' ');
  if (head.starts_with("HTTP/1.") && space != std::string::npos)
    std::from_chars(head.data() + space + 1, head.data() + head.size(), code);
  return code;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Upgraded>> Upgraded::Open(kube::Credentials& credentials, const std::string& target,
                                                         const std::string& protocol,
                                                         std::chrono::milliseconds timeout) {
  const absl::StatusOr<Ptr<kube::Identity>> identity =
      credentials.Get(std::chrono::steady_clock::now(), std::chrono::system_clock::now());
  if (!identity.ok()) return identity.status();
  std::unique_ptr<Upgraded> connection(new Upgraded());
  connection->timeout_ = timeout;
  connection->deadline_ = std::chrono::steady_clock::now() + timeout;
  if (absl::Status status = connection->Connect(credentials, **identity, target, protocol); !status.ok()) return status;
  return connection;
}

Upgraded::~Upgraded() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  curl_slist_free_all(connect_to_);
}

absl::Status Upgraded::Connect(kube::Credentials& credentials, const kube::Identity& identity,
                               const std::string& target, const std::string& protocol) {
  const kube::ClientConfig& config = credentials.config();
  const kube::ServerAddress address = kube::AddressOf(config, target);
  easy_ = curl_easy_init();
  curl_easy_setopt(easy_, CURLOPT_URL, address.url.c_str());
  if (!address.connect_to.empty()) {
    connect_to_ = curl_slist_append(nullptr, address.connect_to.c_str());
    curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  }
  curl_easy_setopt(easy_, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout_.count()));
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, kube::SetSocketOptions);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  if (!config.proxy_url.empty()) curl_easy_setopt(easy_, CURLOPT_PROXY, config.proxy_url.c_str());
  kube::SetTls(easy_, config, identity);
  if (const CURLcode code = curl_easy_perform(easy_); code != CURLE_OK)
    return absl::UnavailableError(Cat(config.server, ": ", error_[0] != '\0' ? error_ : curl_easy_strerror(code)));
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy_, CURLINFO_ACTIVESOCKET, &fd);
  fd_ = fd;

  const std::string key = NewKey();
  std::string request = Cat("GET ", address.path, " HTTP/1.1\r\nHost: ", address.host,
                            "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
                            "Sec-WebSocket-Key: ", key, "\r\nSec-WebSocket-Protocol: ", protocol, "\r\n");
  for (const std::string& line : identity.headers) request += line + "\r\n";
  if (absl::Status status = SendBytes(request + "\r\n"); !status.ok()) return status;

  std::string answer;
  size_t end = std::string::npos;
  while ((end = answer.find("\r\n\r\n")) == std::string::npos) {
    char buffer[4096];
    const auto read = Read(buffer, sizeof(buffer));
    if (!read.ok()) return read.status();
    if (!*read) {
      if (absl::Status status = Wait(POLLIN); !status.ok()) return status;
      continue;
    }
    if (**read == 0 || answer.size() > kMaxHead)
      return absl::UnavailableError(Cat(config.server, ": the connection was closed instead of upgraded"));
    answer.append(buffer, **read);
  }
  const std::string head = answer.substr(0, end + 2);
  std::string rest = answer.substr(end + 4);
  const int code = CodeOf(head);
  if (code != 101) {
    size_t size = 0;
    const std::string length = HeaderOf(head, "content-length");
    std::from_chars(length.data(), length.data() + length.size(), size);
    size = std::min(size, kMaxBody);
    while (rest.size() < size) {
      char buffer[4096];
      const auto read = Read(buffer, sizeof(buffer));
      if (!read.ok() || (*read && **read == 0)) break;
      if (*read) {
        rest.append(buffer, **read);
      } else if (!Wait(POLLIN).ok()) {
        break;
      }
    }
    const absl::Status status = kube::ToStatus(kube::ParseApiStatus(code, rest));
    return status.ok() ? absl::UnavailableError(Cat(config.server, ": it does not upgrade connections")) : status;
  }
  if (HeaderOf(head, "sec-websocket-accept") != AcceptOf(key) || HeaderOf(head, "sec-websocket-protocol") != protocol)
    return absl::UnavailableError(Cat(config.server, ": it does not speak ", protocol));
  reader_.Feed(rest);
  return absl::OkStatus();
}

absl::Status Upgraded::Wait(short events) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  pollfd waiting{fd_, events, 0};
  if (left > 0 && poll(&waiting, 1, static_cast<int>(left)) != 0) return absl::OkStatus();
  return absl::DeadlineExceededError("the API server does not answer");
}

absl::StatusOr<std::optional<size_t>> Upgraded::Read(char* buffer, size_t size) {
  size_t read = 0;
  const CURLcode code = curl_easy_recv(easy_, buffer, size, &read);
  if (code == CURLE_AGAIN) return std::optional<size_t>();
  // The end without a goodbye of TLS looks like an error.
  if (code != CURLE_OK) return std::optional<size_t>(0);
  return std::optional<size_t>(read);
}

absl::Status Upgraded::SendBytes(std::string_view bytes) {
  deadline_ = std::chrono::steady_clock::now() + timeout_;
  while (!bytes.empty()) {
    size_t sent = 0;
    const CURLcode code = curl_easy_send(easy_, bytes.data(), bytes.size(), &sent);
    if (code == CURLE_AGAIN) {
      if (absl::Status status = Wait(POLLOUT); !status.ok()) return status;
      continue;
    }
    if (code != CURLE_OK) return absl::UnavailableError(Cat("the connection broke: ", curl_easy_strerror(code)));
    bytes.remove_prefix(sent);
  }
  return absl::OkStatus();
}

absl::Status Upgraded::Send(const Frame& frame) { return SendBytes(EncodeFrame(frame, NewMask())); }

absl::Status Upgraded::Receive(std::vector<Frame>& frames, bool& ended) {
  for (;;) {
    char buffer[16384];
    const auto read = Read(buffer, sizeof(buffer));
    if (!read.ok()) return read.status();
    if (*read && **read > 0) reader_.Feed({buffer, **read});
    for (;;) {
      absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
      if (!frame.ok()) return frame.status();
      if (!*frame) break;
      frames.push_back(**std::move(frame));
    }
    if (!*read) return absl::OkStatus();
    if (**read == 0) {
      ended = true;
      return absl::OkStatus();
    }
  }
}

}  // namespace k8sgw::cli
