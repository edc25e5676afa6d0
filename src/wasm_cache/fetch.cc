#include "src/wasm_cache/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "src/base/text.h"
#include "src/wasm_cache/url.h"

namespace k8sgw::wasm_cache {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 50;
// Bytes a second below which a server is taken to be stalled.
constexpr long kSlow = 64;
constexpr size_t kMaxHeaderValue = 4096;
constexpr size_t kMaxChallenges = 8;
// Of one answer, interim ones included.
constexpr size_t kMaxHeaders = 128 << 10;
constexpr std::chrono::seconds kLongestRetryAfter(3600);
constexpr char kUserAgent[] = "k8sgateway";

bool IsLinkLocal(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 16) == 0xA9FE;
  }
  if (address.sa_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LINKLOCAL(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 0xA9 && v6.s6_addr[13] == 0xFE);
}

curl_socket_t OpenSocket(void*, curlsocktype, curl_sockaddr* address) {
  if (IsLinkLocal(address->addr)) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool IsRedirect(int code) { return code == 301 || code == 302 || code == 303 || code == 307 || code == 308; }

// Words that are the same each time: most of libcurl's own tell how many milliseconds it took.
absl::Status StatusOf(CURLcode code, const char* words) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION: return absl::UnauthenticatedError(words);
    case CURLE_OPERATION_TIMEDOUT: return absl::DeadlineExceededError(curl_easy_strerror(code));
    default: return absl::UnavailableError(curl_easy_strerror(code));
  }
}

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

}  // namespace

struct Fetcher::Multi {
  Multi() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle = curl_multi_init();
  }
  ~Multi() { curl_multi_cleanup(handle); }
  CURLM* handle;
};

// One request and its answer, without redirects.
struct Fetcher::Exchange {
  explicit Exchange(const FetchRequest& its_request) : request(its_request), easy(curl_easy_init()) {}
  ~Exchange() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void Prepare(const FetchOptions& options, const Url& url, bool with_authorization);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);

  const FetchRequest& request;
  CURL* easy;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = "";
  std::string location;
  size_t header_bytes = 0;
  bool too_many_headers = false;
  bool too_long = false;
  FetchAnswer answer;
};

void Fetcher::Exchange::Prepare(const FetchOptions& options, const Url& url, bool with_authorization) {
  const auto header = [this](const std::string& line) { headers = curl_slist_append(headers, line.c_str()); };
  if (!request.accept.empty()) header("Accept: " + request.accept);
  if (with_authorization && !request.authorization.empty()) header("Authorization: " + request.authorization);
  curl_easy_setopt(easy, CURLOPT_URL, url.text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, url.plain ? "http" : "https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  if (request.head) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A look-up of a name that hangs must not hold the end of the process.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kSlow);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, kUserAgent);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
}

size_t Fetcher::Exchange::OnHeader(char* data, size_t size, size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kMaxHeaders) {
    exchange.too_many_headers = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) {
    // The next answer begins: what stood before it was an interim one.
    exchange.answer = {};
    exchange.location.clear();
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.size() > kMaxHeaderValue) return line.size();
  const std::string value = Trimmed(line.substr(colon + 1));
  const auto is = [&](const char* name) { return absl::EqualsIgnoreCase(absl::string_view(line.data(), colon), name); };
  if (is("docker-content-digest")) exchange.answer.digest = value;
  if (is("location")) exchange.location = value;
  if (is("www-authenticate") && exchange.answer.challenges.size() < kMaxChallenges)
    exchange.answer.challenges.push_back(value);
  if (is("retry-after")) {
    int seconds = 0;
    // A date is no number, and then nobody knows whose clock it is by.
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc() && end == value.data() + value.size()) {
      exchange.answer.retry_after =
          std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), kLongestRetryAfter);
    }
  }
  return line.size();
}

size_t Fetcher::Exchange::OnBody(char* data, size_t size, size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  std::string& body = exchange.answer.body;
  if (body.size() + size * count > exchange.request.max_bytes) {
    exchange.too_long = true;
    return CURL_WRITEFUNC_ERROR;
  }
  body.append(data, size * count);
  return size * count;
}

Fetcher::Fetcher(const FetchOptions& options, const std::atomic<bool>& stop)
    : options_(options), stop_(stop), multi_(std::make_unique<Multi>()) {}

Fetcher::~Fetcher() = default;

absl::Status Fetcher::Perform(Exchange& exchange, Clock::time_point deadline) {
  curl_multi_add_handle(multi_->handle, exchange.easy);
  absl::Status status = absl::UnknownError("");
  while (status.code() == absl::StatusCode::kUnknown) {
    int running = 0;
    curl_multi_perform(multi_->handle, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_->handle, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      if (code == CURLE_OK) {
        status = absl::OkStatus();
      } else if (exchange.too_many_headers) {
        status = absl::DataLossError(Cat("the answer has more than ", kMaxHeaders, " bytes of headers"));
      } else if (exchange.too_long) {
        status = absl::DataLossError(Cat("the answer has more than ", exchange.request.max_bytes, " bytes"));
      } else {
        status = StatusOf(code, exchange.error);
      }
    }
    if (status.code() != absl::StatusCode::kUnknown) break;
    if (stop_) {
      status = absl::CancelledError("is not wanted any more");
    } else if (Clock::now() >= deadline) {
      status = absl::DeadlineExceededError(Cat("there was no complete answer in ", options_.timeout.count(), " ms"));
    } else {
      curl_multi_poll(multi_->handle, nullptr, 0, kPollMs, nullptr);
    }
  }
  curl_multi_remove_handle(multi_->handle, exchange.easy);
  return status;
}

absl::StatusOr<FetchAnswer> Fetcher::Fetch(const FetchRequest& request) {
  const absl::StatusOr<Url> first = ParseUrl(request.url);
  if (!first.ok()) return first.status();
  const Clock::time_point deadline = Clock::now() + options_.timeout;
  Url url = *first;
  for (int redirects = 0;; ++redirects) {
    const auto wrong = [&](absl::StatusCode code, std::string_view what) {
      return absl::Status(code, Cat(url.authority, ": ", what));
    };
    if (url.plain && !options_.plain_http.contains(url.authority)) {
      return wrong(absl::StatusCode::kPermissionDenied,
                   redirects > 0 ? "a redirect leads to http, without TLS" : "http without TLS is not allowed");
    }
    Exchange exchange(request);
    exchange.Prepare(options_, url, url.SameOrigin(*first));
    if (const absl::Status status = Perform(exchange, deadline); !status.ok()) {
      return wrong(status.code(), std::string_view(status.message().data(), status.message().size()));
    }
    long code = 0;
    curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &code);
    exchange.answer.code = static_cast<int>(code);
    exchange.answer.same_origin = url.SameOrigin(*first);
    if (!IsRedirect(exchange.answer.code) || exchange.location.empty()) return std::move(exchange.answer);
    if (redirects == options_.max_redirects)
      return wrong(absl::StatusCode::kFailedPrecondition, Cat("there are more than ", redirects, " redirects"));
    absl::StatusOr<Url> next = ParseUrl(exchange.location, &url);
    if (!next.ok()) return wrong(absl::StatusCode::kFailedPrecondition, "a redirect leads to what is no URL");
    url = std::move(*next);
  }
}

}  // namespace k8sgw::wasm_cache
