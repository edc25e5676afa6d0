#include "src/sources/kube/http_transfer.h"

#include <sys/epoll.h>

#include <mutex>

#include "src/base/text.h"
#include "src/sources/kube/server_address.h"

namespace k8sgw::kube {
namespace {

// Of a stream; libcurl has one such buffer for each request.
constexpr long kBufferBytes = 64 << 10;
constexpr long kMaxStreams = 1000;

void SetMethod(CURL* easy, const HttpRequest& request) {
  if (!request.content_type.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method != "GET") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

}  // namespace

HttpClient::Transfer::~Transfer() {
  if (easy != nullptr) curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  curl_slist_free_all(connect_to);
}

void HttpClient::Transfer::Prepare(const ClientConfig& config, const Identity& identity, const Options& options) {
  easy = curl_easy_init();
  const auto header = [this](const std::string& line) { headers = curl_slist_append(headers, line.c_str()); };
  header("Accept: " + request.accept);
  // Not to wait for a permission to send the body.
  header("Expect:");
  if (!request.content_type.empty()) header("Content-Type: " + request.content_type);
  for (const std::string& line : identity.headers) header(line);
  const ServerAddress address = AddressOf(config, request.target);
  url = address.url;
  if (!address.connect_to.empty()) {
    connect_to = curl_slist_append(nullptr, address.connect_to.c_str());
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to);
    header("Host: " + address.host);
  }
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  // Rather a stream on the connection that is being made than another connection.
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, SetSocketOptions);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!config.proxy_url.empty()) curl_easy_setopt(easy, CURLOPT_PROXY, config.proxy_url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeaderLine);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  SetTls(easy, config, identity);
  SetMethod(easy, request);
}

int HttpClient::Transfer::code() const {
  long code = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
  return static_cast<int>(code);
}

absl::Status HttpClient::Transfer::StatusOf(CURLcode result) const {
  if (result == CURLE_OK) return absl::OkStatus();
  const std::string text =
      Cat(client->credentials_.config().server, ": ", error[0] != '\0' ? error : curl_easy_strerror(result));
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return absl::DeadlineExceededError(text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return absl::UnauthenticatedError(Cat(text, ": is certificate-authority the one of this server?"));
    case CURLE_SSL_CERTPROBLEM:
      return absl::UnauthenticatedError(Cat(text, ": do client-certificate and client-key belong together?"));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return absl::InvalidArgumentError(text);
    default: return absl::UnavailableError(text);
  }
}

HttpClient::Multi::Multi(Loop& loop, std::function<void(CURL*, CURLcode)> on_done, std::function<void()> on_turn)
    : loop_(loop), on_done_(std::move(on_done)), on_turn_(std::move(on_turn)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
  curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, kMaxStreams);
}

HttpClient::Multi::~Multi() {
  for (const curl_socket_t fd : watched_) loop_.Unwatch(fd);
  curl_multi_cleanup(multi_);
  if (timer_) loop_.Cancel(*timer_);
}

int HttpClient::Multi::OnSocket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto* multi = static_cast<Multi*>(self);
  if (what == CURL_POLL_REMOVE) {
    if (multi->watched_.erase(fd) > 0) multi->loop_.Unwatch(fd);
    return 0;
  }
  multi->watched_.insert(fd);
  const uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  multi->loop_.Watch(fd, events, [multi, fd](uint32_t ready) {
    multi->Turn(fd, ((ready & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                        ((ready & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
  });
  return 0;
}

int HttpClient::Multi::OnTimer(CURLM*, long timeout_ms, void* self) {
  auto* multi = static_cast<Multi*>(self);
  if (multi->timer_) multi->loop_.Cancel(*multi->timer_);
  multi->timer_.reset();
  if (timeout_ms < 0) return 0;
  multi->timer_ = multi->loop_.At(Loop::Now() + std::chrono::milliseconds(timeout_ms), [multi] {
    multi->timer_.reset();
    multi->Turn(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void HttpClient::Multi::Turn(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) on_done_(message->easy_handle, message->data.result);
  }
  on_turn_();
}

}  // namespace k8sgw::kube
