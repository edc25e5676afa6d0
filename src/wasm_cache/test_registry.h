// For tests: a registry on loopback that says what it is told to say, true or not.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/base/text.h"
#include "src/wasm_cache/digest.h"

namespace k8sgw::wasm_cache {

struct TestRequest {
  std::string method;
  std::string target;
  // All lines after the first.
  std::string headers;
};

class TestRegistry {
 public:
  // The bytes of an answer; "" is no answer at all, for ever.
  using Handler = std::function<std::string(const TestRequest& request)>;

  TestRegistry() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    listen(fd_, 64);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~TestRegistry() {
    stop_ = true;
    thread_.join();
    for (std::thread& connection : connections_) connection.join();
    close(fd_);
  }

  std::string host() const { return Cat("127.0.0.1:", port_); }
  void Serve(Handler handler) {
    std::lock_guard<std::mutex> lock(mutex_);
    handler_ = std::move(handler);
  }
  // The first lines of the requests so far, "GET /v2/", and those that had an Authorization with it.
  std::vector<std::string> Seen() {
    std::lock_guard<std::mutex> lock(mutex_);
    return seen_;
  }

  static std::string Answer(int code, const std::string& body, const std::string& headers = "") {
    return Cat("HTTP/1.1 ", code, " X\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n", headers, "\r\n",
               body);
  }

 private:
  void Run() {
    while (!stop_) {
      pollfd ready{fd_, POLLIN, 0};
      if (poll(&ready, 1, 10) != 1) continue;
      const int connection = accept(fd_, nullptr, nullptr);
      if (connection >= 0) connections_.emplace_back([this, connection] { Talk(connection); });
    }
  }

  void Talk(int fd) {
    const timeval patience{0, 10'000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    std::string head;
    while (!stop_ && head.find("\r\n\r\n") == std::string::npos) {
      char some[4096];
      const ssize_t n = recv(fd, some, sizeof(some), 0);
      if (n == 0) break;
      if (n > 0) head.append(some, static_cast<size_t>(n));
    }
    const size_t first = head.find(' ');
    const size_t second = head.find(' ', first + 1);
    if (second != std::string::npos)
      Reply(fd, {head.substr(0, first), head.substr(first + 1, second - first - 1), head.substr(head.find('\n') + 1)});
    close(fd);
  }

  void Reply(int fd, const TestRequest& request) {
    Handler handler;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const size_t at = request.headers.find("Authorization: ");
      const std::string with =
          at == std::string::npos
              ? ""
              : " with " + request.headers.substr(at + 15, request.headers.find('\r', at) - at - 15);
      seen_.push_back(Cat(request.method, " ", request.target, with));
      handler = handler_;
    }
    const std::string answer = handler ? handler(request) : Answer(404, "");
    while (answer.empty() && !stop_) usleep(5000);
    for (size_t done = 0; done < answer.size() && !stop_;) {
      const ssize_t n = send(fd, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
  }

  const int fd_;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  Handler handler_;
  std::vector<std::string> seen_;
  std::list<std::thread> connections_;
  std::thread thread_;
};

// What the smallest module has, and something that tells modules apart.
inline std::string TestModule(const std::string& what = "") {
  std::string module("\0asm\1\0\0\0", 8);
  // A custom section without a name.
  if (!what.empty())
    module += Cat(std::string(1, '\0'), std::string(1, static_cast<char>(what.size() + 1)), std::string(1, '\0'), what);
  return module;
}

// The JSON of an image of one layer.
inline std::string TestManifest(const std::string& layer,
                                const std::string& type = "application/vnd.module.wasm.content.layer.v1+wasm") {
  return Cat(R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.module.wasm.config.v1+json","digest":")",
             Sha256Digest("{}"), R"(","size":2},"layers":[{"mediaType":")", type, R"(","digest":")",
             Sha256Digest(layer), R"(","size":)", layer.size(), "}]}");
}

// Serves one image of one layer as it should be, under any name.
inline TestRegistry::Handler Honest(const std::string& layer,
                                    const std::string& type = "application/vnd.module.wasm.content.layer.v1+wasm") {
  const std::string manifest = TestManifest(layer, type);
  return [layer, manifest](const TestRequest& request) {
    if (request.target.ends_with("/blobs/" + Sha256Digest(layer))) return TestRegistry::Answer(200, layer);
    if (request.target.find("/manifests/") == std::string::npos) return TestRegistry::Answer(404, "");
    const std::string digest = "Docker-Content-Digest: " + Sha256Digest(manifest) + "\r\n";
    if (request.method == "HEAD") {
      return Cat("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ", manifest.size(), "\r\n", digest, "\r\n");
    }
    return TestRegistry::Answer(200, manifest, digest);
  };
}

}  // namespace k8sgw::wasm_cache
