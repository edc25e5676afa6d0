#include "src/cli/forward/tunnel.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "src/base/text.h"
#include "src/cli/forward/pod_http.h"
#include "src/cli/forward/websocket.h"

namespace k8sgw::cli {
namespace {

using ::testing::HasSubstr;

// One connection of an API server, as far as a test plays it.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer() { close(fd_); }

  std::string ReadHead() {
    while (text_.find("\r\n\r\n") == std::string::npos && Read()) {
    }
    const size_t end = text_.find("\r\n\r\n");
    if (end == std::string::npos) return "";
    std::string head = text_.substr(0, end + 4);
    text_.erase(0, end + 4);
    return head;
  }
  // What the client sends as data, as long as it does not hold `end`.
  std::string ReadDataUntil(const std::string& end) {
    std::string data;
    while (data.find(end) == std::string::npos) {
      std::string payload = ReadFrame();
      if (payload.empty()) break;
      data += payload.substr(1);
    }
    return data;
  }
  // The payload of one masked frame of up to 125 or 65535 bytes.
  std::string ReadFrame() {
    const auto need = [&](size_t size) {
      while (text_.size() < size) {
        if (!Read()) return false;
      }
      return true;
    };
    if (!need(2)) return "";
    size_t size = static_cast<uint8_t>(text_[1]) & 0x7f;
    size_t at = 2;
    if (size == 126) {
      if (!need(4)) return "";
      size = static_cast<size_t>(static_cast<uint8_t>(text_[2])) << 8 | static_cast<uint8_t>(text_[3]);
      at = 4;
    }
    if (!need(at + 4 + size)) return "";
    std::string payload;
    for (size_t i = 0; i < size; ++i) payload += static_cast<char>(text_[at + 4 + i] ^ text_[at + i % 4]);
    text_.erase(0, at + 4 + size);
    return payload;
  }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void SendFrame(const std::string& payload, Opcode opcode = Opcode::kBinary) {
    std::string out(1, static_cast<char>(0x80 | static_cast<int>(opcode)));
    if (payload.size() < 126) {
      out += static_cast<char>(payload.size());
    } else {
      out += {126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
    }
    Send(out + payload);
  }
  // Takes the connection, and names the port on both channels.
  void Upgrade() {
    head = ReadHead();
    const std::string name = "Sec-WebSocket-Key: ";
    const size_t at = head.find(name) + name.size();
    Send(Cat("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
             AcceptOf(head.substr(at, head.find("\r\n", at) - at)),
             "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"));
    SendFrame(std::string("\0\x38\x4a", 3));
    SendFrame(std::string("\1\x38\x4a", 3));
  }

  std::string head;

 private:
  bool Read() {
    char buffer[4096];
    const ssize_t read = recv(fd_, buffer, sizeof(buffer), 0);
    if (read <= 0) return false;
    text_.append(buffer, static_cast<size_t>(read));
    return true;
  }

  const int fd_;
  std::string text_;
};

class ApiServer {
 public:
  explicit ApiServer(std::function<void(Peer&)> play) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    listen(fd_, 4);
    socklen_t size = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    kube::ClientConfig config;
    config.server = Cat("http://127.0.0.1:", ntohs(address.sin_port), "/behind");
    credentials =
        std::make_unique<kube::Credentials>(config, kube::RealEnvironment(), nullptr, kube::Credentials::Options());
    thread_ = std::thread([this, play = std::move(play)] {
      const int fd = accept(fd_, nullptr, nullptr);
      if (fd < 0) return;
      Peer peer(fd);
      play(peer);
    });
  }
  ~ApiServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }

  std::unique_ptr<kube::Credentials> credentials;

 private:
  int fd_ = -1;
  std::thread thread_;
};

const PodPort kPort{"gloo-system", "gateway-proxy-1", 19000};

TEST(AskPod, TalksHttpThroughTheApiServer) {
  std::string asked;
  std::string head;
  {
    ApiServer server([&](Peer& peer) {
      peer.Upgrade();
      head = peer.head;
      asked = peer.ReadDataUntil("\r\n\r\n");
      peer.SendFrame("are you there?", Opcode::kPing);
      peer.SendFrame(std::string(1, '\0') + "HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n");
      for (int i = 0; i < 70; ++i) peer.SendFrame(std::string(1, '\0') + std::string(1000, 'x'));
      peer.ReadFrame();
    });
    const auto body = AskPod(*server.credentials, kPort, {.method = "GET", .target = "/stats?filter=x"});
    ASSERT_TRUE(body.ok()) << body.status();
    EXPECT_EQ(*body, std::string(70000, 'x'));
  }
  EXPECT_THAT(head,
              HasSubstr("GET /behind/api/v1/namespaces/gloo-system/pods/gateway-proxy-1/portforward?ports=19000 "));
  EXPECT_THAT(asked, HasSubstr("GET /stats?filter=x HTTP/1.1\r\n"));
}

TEST(AskPod, WhatCannotBeConnectedIsSaid) {
  ApiServer server([](Peer& peer) {
    peer.Upgrade();
    peer.SendFrame(std::string(1, '\1') + "connection refused\x1b");
    peer.ReadFrame();
  });
  const auto body = AskPod(*server.credentials, kPort, {.method = "GET", .target = "/"});
  EXPECT_EQ(body.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(body.status().message()),
              HasSubstr("port 19000 of pod gloo-system/gateway-proxy-1: connection refused\\x1b"));
}

TEST(AskPod, OtherCodesAreErrors) {
  ApiServer server([](Peer& peer) {
    peer.Upgrade();
    peer.ReadDataUntil("\r\n\r\n");
    peer.SendFrame(std::string(1, '\0') + "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone");
    peer.ReadFrame();
  });
  const auto body = AskPod(*server.credentials, kPort, {.method = "GET", .target = "/nothing"});
  EXPECT_THAT(std::string(body.status().message()), HasSubstr("/nothing answered 404: none"));
}

TEST(AskPod, AnAnswerThatIsCutOffIsNone) {
  ApiServer server([](Peer& peer) {
    peer.Upgrade();
    peer.ReadDataUntil("\r\n\r\n");
    peer.SendFrame(std::string(1, '\0') + "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart");
    peer.SendFrame("", Opcode::kClose);
  });
  EXPECT_FALSE(AskPod(*server.credentials, kPort, {.method = "GET", .target = "/"}).ok());
}

TEST(AskPod, TheApiServersRefusalIsThatOfAnyRequest) {
  const std::string status = R"({"kind":"Status","code":403,"reason":"Forbidden","message":"pods is forbidden"})";
  ApiServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.Send(Cat("HTTP/1.1 403 Forbidden\r\nContent-Length: ", status.size(), "\r\n\r\n", status));
  });
  const auto body = AskPod(*server.credentials, kPort, {.method = "GET", .target = "/"});
  EXPECT_EQ(body.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(body.status().message()), HasSubstr("pods is forbidden"));
}

TEST(AskPod, AServerThatSpeaksSomethingElseIsAnError) {
  for (const char* answer :
       {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "nonsense\r\n\r\n", ""}) {
    ApiServer server([&](Peer& peer) {
      peer.ReadHead();
      peer.Send(answer);
    });
    EXPECT_FALSE(AskPod(*server.credentials, kPort, {.method = "GET", .target = "/"}).ok()) << answer;
  }
}

TEST(AskPod, AServerThatIsSilentIsGivenUp) {
  ApiServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.ReadFrame();
  });
  const auto body =
      AskPod(*server.credentials, kPort, {.method = "GET", .target = "/", .timeout = std::chrono::milliseconds(200)});
  EXPECT_EQ(body.status().code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace k8sgw::cli
