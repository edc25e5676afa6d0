// libcurl's handles: a Transfer is one request, a Multi the connections that they share. Internal to the client.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "src/sources/kube/http.h"

namespace k8sgw::kube {

struct HttpClient::Transfer {
  Transfer(HttpClient* owner, Id its_id, HttpRequest its_request, HttpHandler* its_handler)
      : client(owner), id(its_id), request(std::move(its_request)), handler(its_handler) {}
  ~Transfer();

  // Makes the handle that does the request. What the identity holds is copied.
  void Prepare(const ClientConfig& config, const Identity& identity, const Options& options);
  // What happened, in words that name the server.
  absl::Status StatusOf(CURLcode code) const;
  int code() const;

  HttpClient* const client;
  const Id id;
  const HttpRequest request;
  HttpHandler* handler;  // nullptr after Cancel
  Ptr<Identity> identity;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  char error[CURL_ERROR_SIZE] = "";
  std::string url;
  std::chrono::seconds retry_after{0};
  bool head_told = false;
};

// Binds a set of connections to the loop. `on_done` is told about each transfer that has ended, `on_turn` after them.
class HttpClient::Multi {
 public:
  Multi(Loop& loop, std::function<void(CURL* easy, CURLcode code)> on_done, std::function<void()> on_turn);
  // Closes all connections.
  ~Multi();

  void Add(CURL* easy) { curl_multi_add_handle(multi_, easy); }
  void Remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }

 private:
  static int OnSocket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
  static int OnTimer(CURLM* multi, long timeout_ms, void* self);
  void Turn(curl_socket_t fd, int events);

  Loop& loop_;
  CURLM* multi_;
  const std::function<void(CURL*, CURLcode)> on_done_;
  const std::function<void()> on_turn_;
  std::optional<Loop::TimerId> timer_;
  std::set<curl_socket_t> watched_;
};

}  // namespace k8sgw::kube
