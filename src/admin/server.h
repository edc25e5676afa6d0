// A plain HTTP server of pages: by path and method, with a page `/` that lists what is there.
//
//   admin::Server server(pages);
//   server.Listen("127.0.0.1:9095");
//
// Methods are called on one thread, which is not the server's own. Requests have no bodies but small ones.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "src/http/server.h"

namespace k8sgw::admin {

// Answers on the server's thread, or hands the reply on.
using Page = std::function<void(const http::Request& request, const http::Reply& reply)>;

struct Pages {
  struct Entry {
    // One line, for the page that lists them.
    std::string what;
    Page get;
    // None: the page is only read here.
    Page put = nullptr;
    // Of such a page, where it is written instead, for whoever tries.
    std::string put_elsewhere = "";
  };
  // By path: "/metrics".
  std::map<std::string, Entry> by_path;

  void Answer(const http::Request& request, const http::Reply& reply) const;
};

class Server {
 public:
  explicit Server(Pages pages, http::ServerOptions options = {});

  // Starts, or moves. On an error the one that was there goes on.
  absl::Status Listen(const std::string& address);
  void Stop() { server_.reset(); }
  // 0 while it does not listen.
  int port() const { return server_ ? server_->port() : 0; }

 private:
  const std::shared_ptr<const Pages> pages_;
  const http::ServerOptions options_;
  http::Counters counters_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace k8sgw::admin
