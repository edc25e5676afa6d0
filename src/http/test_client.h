// For tests: a client, of TLS or not, that may behave as badly as a test wants.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "src/base/text.h"

namespace k8sgw::http {

class TestClient {
 public:
  explicit TestClient(int port, bool tls = true) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || !tls) return;
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TestClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    close(fd_);
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  // The common name of the server's certificate.
  std::string server() const {
    if (!connected_) return "";
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    char name[100] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
    X509_free(certificate);
    return name;
  }

  bool Send(const std::string& text) {
    return (ssl_
                ? SSL_write(ssl_, text.data(), static_cast<int>(text.size()))
                : static_cast<int>(send(fd_, text.data(), text.size(), MSG_NOSIGNAL))) == static_cast<int>(text.size());
  }
  // What comes until `end` was seen, or the connection ends.
  std::string ReadUntil(const std::string& end) {
    std::string text;
    char byte = 0;
    while (end.empty() || text.find(end) == std::string::npos) {
      if (ReadSome(&byte, 1) != 1) break;
      text += byte;
    }
    return text;
  }
  // One request on a connection that may go on. Returns "200 body".
  std::string Post(const std::string& body, const std::string& path = "/validation?timeout=10s",
                   const std::string& type = "application/json") {
    Send(Cat("POST ", path, " HTTP/1.1\r\nHost: x\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
             "\r\n\r\n", body));
    return ReadAnswer();
  }
  // The same without a body.
  std::string Get(const std::string& path, const std::string& method = "GET") {
    Send(Cat(method, " ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
    return ReadAnswer();
  }
  std::string ReadAnswer() {
    const std::string head = ReadUntil("\r\n\r\n");
    const size_t at = head.find("Content-Length: ");
    if (head.size() < 12 || at == std::string::npos) return head;
    std::string body;
    for (size_t left = std::stoul(head.substr(at + 16)); left > 0;) {
      char some[16'384];
      const int got = ReadSome(some, std::min(left, sizeof(some)));
      if (got <= 0) break;
      body.append(some, static_cast<size_t>(got));
      left -= static_cast<size_t>(got);
    }
    return head.substr(9, 4) + body;
  }

 private:
  int ReadSome(char* to, size_t most) {
    return ssl_ ? SSL_read(ssl_, to, static_cast<int>(most)) : static_cast<int>(recv(fd_, to, most, 0));
  }

  const int fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

}  // namespace k8sgw::http
