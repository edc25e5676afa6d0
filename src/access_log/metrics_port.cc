#include "src/access_log/metrics_port.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::access_log {
namespace {

// Of whoever connects and says nothing.
constexpr int kTimeoutSeconds = 10;
constexpr int kMaxHeaderBytes = 16 << 10;

void Answer(evhttp_request* request, void* text) {
  const std::string body = (*static_cast<const std::function<std::string()>*>(text))();
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain; version=0.0.4");
  evbuffer_add(evhttp_request_get_output_buffer(request), body.data(), body.size());
  evhttp_send_reply(request, HTTP_OK, "OK", nullptr);
}

int PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port)
                                       : ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

MetricsPort::MetricsPort(std::function<std::string()> text)
    : text_(std::move(text)),
      stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      base_(event_base_new(), event_base_free),
      http_(evhttp_new(base_.get()), evhttp_free) {}

absl::StatusOr<std::unique_ptr<MetricsPort>> MetricsPort::Open(int port, std::function<std::string()> text) {
  std::unique_ptr<MetricsPort> opened(new MetricsPort(std::move(text)));
  if (const absl::Status status = opened->Bind(port); !status.ok()) return status;
  return opened;
}

absl::Status MetricsPort::Bind(int port) {
  evhttp_set_timeout(http_.get(), kTimeoutSeconds);
  evhttp_set_max_headers_size(http_.get(), kMaxHeaderBytes);
  evhttp_set_max_body_size(http_.get(), 0);
  evhttp_set_allowed_methods(http_.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
  evhttp_set_cb(http_.get(), "/metrics", Answer, const_cast<std::function<std::string()>*>(&text_));
  evhttp_bound_socket* bound = nullptr;
  // "::" takes IPv4, too; where there is no IPv6, there is only that.
  for (const char* address : {"::", "0.0.0.0"}) {
    if (!bound) bound = evhttp_bind_socket_with_handle(http_.get(), address, static_cast<uint16_t>(port));
  }
  if (!bound) {
    return absl::UnavailableError(
        Cat("cannot listen on port ", port, " for metrics: ", std::strerror(errno), ": choose another, or 0 for none"));
  }
  port_ = PortOf(evhttp_bound_socket_get_fd(bound));
  event_base_once(
      base_.get(), stop_fd_, EV_READ,
      [](evutil_socket_t, short, void* base) { event_base_loopbreak(static_cast<event_base*>(base)); }, base_.get(),
      nullptr);
  thread_ = std::thread([this] { event_base_dispatch(base_.get()); });
  return absl::OkStatus();
}

MetricsPort::~MetricsPort() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(stop_fd_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  http_.reset();
  base_.reset();
  close(stop_fd_);
}

}  // namespace k8sgw::access_log
