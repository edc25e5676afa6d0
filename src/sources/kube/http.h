// Requests to one API server: HTTP/2 over TLS, many streams on one connection, bodies as they come.
//
// An HttpClient belongs to the thread of its Loop. Handlers are called from there, never from within a call to the
// client, and may start and cancel requests. A connection on which nothing has come for a while is asked for a sign of
// life; without one, its requests fail and the next ones use a new connection. An exec plugin of the credentials runs
// on a thread of its own, once for all requests, which wait for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "src/sources/kube/credentials.h"
#include "src/sources/kube/loop.h"

namespace k8sgw::kube {

struct HttpRequest {
  std::string method = "GET";
  // The path and the query.
  std::string target;
  std::string accept = "application/json";
  // Of `body`; a request with a content type has a body, even if that is empty.
  std::string content_type{};
  std::string body{};
  // The last credentials were refused.
  bool fresh_credentials = false;
  // For the whole; 0 means as long as it takes.
  std::chrono::milliseconds timeout{0};
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // `retry_after` is that of the header, or 0.
  virtual void OnHead(int code, std::chrono::seconds retry_after) = 0;
  // False: not now. The same bytes are offered again after Resume, and nothing more is read until then than what the
  // connection's window allows.
  virtual bool OnBytes(std::string_view bytes) = 0;
  // The last call for this request. Ok when the answer came to its end, whatever its code.
  virtual void OnEnd(const absl::Status& status) = 0;
};

class HttpClient {
 public:
  using Id = uint64_t;

  struct Options {
    std::chrono::milliseconds connect_timeout{10'000};
    // So long without a byte while something runs, and a sign of life is asked for; it must come in time.
    std::chrono::milliseconds ping_after{15'000};
    std::chrono::milliseconds ping_timeout{10'000};
    std::string ping_target = "/version";
    std::string user_agent = "k8sgateway";
  };

  // All of them outlive the client. Requests that run when it ends are not told.
  HttpClient(Loop& loop, Credentials& credentials, Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The handler must live until OnEnd or Cancel.
  Id Start(HttpRequest request, HttpHandler* handler);
  // The handler is not called any more.
  void Cancel(Id id);
  void Resume(Id id);

  Loop& loop() { return loop_; }
  size_t running() const { return transfers_.size(); }

 private:
  struct Transfer;
  class Multi;
  class Ping;
  struct Renewal;
  friend class Multi;

  void Schedule();
  void Flush();
  void Launch(Transfer& transfer);
  void Renew(Credentials::PluginRun run);
  void Finish(Id id, const absl::Status& status);
  void Tick(Loop::Time due);
  void SetTick(Loop::Time due);
  void Reset(const absl::Status& status);
  static size_t OnHeaderLine(char* data, size_t size, size_t count, void* transfer);
  static size_t OnBody(char* data, size_t size, size_t count, void* transfer);

  Loop& loop_;
  Credentials& credentials_;
  const Options options_;
  std::unique_ptr<Multi> multi_;
  std::map<Id, std::unique_ptr<Transfer>> transfers_;
  Id last_id_ = 0;
  // What must wait until libcurl has returned.
  std::vector<Id> to_launch_;
  std::vector<Id> to_resume_;
  std::vector<std::pair<Id, absl::Status>> ended_;
  std::optional<Loop::TimerId> scheduled_;

  // While the plugin runs; and the requests that wait for it.
  std::shared_ptr<Renewal> renewal_;
  std::vector<Id> waiting_;
  // What the server refused last, until it was renewed, and when that may be done again.
  Ptr<Identity> refused_;
  Loop::Time renew_after_{};

  std::optional<Loop::TimerId> tick_;
  Loop::Time last_bytes_{};
  std::unique_ptr<Ping> ping_;
};

}  // namespace k8sgw::kube
