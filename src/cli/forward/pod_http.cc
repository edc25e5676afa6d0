#include "src/cli/forward/pod_http.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/forward/http_answer.h"

namespace k8sgw::cli {
namespace {

constexpr size_t kShownBody = 300;

// The caller's end of a tunnel.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Exchange(int fd, const std::string& request, std::chrono::milliseconds timeout, HttpAnswer& answer) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  // The other end is in this process, and takes it.
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return absl::UnavailableError("the connection ended before the request was sent");
  while (!answer.done()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0)
      return absl::DeadlineExceededError(Cat("no answer within ", timeout.count(), " ms"));
    char buffer[65536];
    const ssize_t read = recv(fd, buffer, sizeof(buffer), 0);
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) return answer.End();
    if (absl::Status status = answer.Feed({buffer, static_cast<size_t>(read)}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> AskPod(kube::Credentials& credentials, const PodPort& to, const PodRequest& request) {
  const std::string where = Cat("port ", to.port, " of pod ", to.ns, "/", to.pod, ": ");
  absl::StatusOr<std::unique_ptr<Tunnel>> tunnel = Tunnel::Open(credentials, to, request.timeout);
  if (!tunnel.ok()) return absl::Status(tunnel.status().code(), where + std::string(tunnel.status().message()));
  const Socket socket((*tunnel)->TakeSocket());
  HttpAnswer answer(kMaxPodAnswer);
  const std::string head = Cat(request.method, " ", request.target, " HTTP/1.1\r\nHost: 127.0.0.1:", to.port,
                               "\r\nUser-Agent: k8sgateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const absl::Status status = Exchange(socket.fd(), head, request.timeout, answer);
  if (!status.ok()) {
    const std::string error = (*tunnel)->error();
    return error.empty() ? absl::Status(status.code(), where + std::string(status.message()))
                         : absl::UnavailableError(where + Printable(error));
  }
  if (answer.code() != 200) {
    return absl::UnavailableError(
        Cat(where, request.target, " answered ", answer.code(), ": ", Printable(answer.body().substr(0, kShownBody))));
  }
  return answer.body();
}

}  // namespace k8sgw::cli
