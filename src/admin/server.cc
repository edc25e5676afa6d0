#include "src/admin/server.h"

#include <chrono>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::admin {
namespace {

constexpr size_t kMostBodyBytes = 4 << 10;
// Whoever holds connections open must not keep the kubelet, which gives up after a second, from its answer.
constexpr size_t kMostConnections = 512;
constexpr std::chrono::milliseconds kPatience(300);

http::Answer RefuseMethod(const Pages::Entry& entry) {
  const bool reads_only = !entry.put;
  std::string how = reads_only ? "use GET" : "use GET or PUT";
  if (!entry.put_elsewhere.empty()) how += Cat(": ", entry.put_elsewhere);
  return {.code = 405, .body = how + "\n", .headers = {{"Allow", reads_only ? "GET, HEAD" : "GET, HEAD, PUT"}}};
}

}  // namespace

void Pages::Answer(const http::Request& request, const http::Reply& reply) const {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/" && reads) {
    std::string list;
    for (const auto& [path, entry] : by_path) list += Cat(path, "  ", entry.what, entry.put ? " (GET, PUT)" : "", "\n");
    return reply({200, "text/plain; charset=utf-8", list});
  }
  const auto found = by_path.find(request.path);
  if (found == by_path.end())
    return reply({404, "text/plain", "there is no such page: / lists those that there are\n"});
  const Page& page = reads ? found->second.get : request.method == "PUT" ? found->second.put : nullptr;
  if (!page) return reply(RefuseMethod(found->second));
  page(request, reply);
}

Server::Server(Pages pages, http::ServerOptions options)
    : pages_(std::make_shared<const Pages>(std::move(pages))), options_(std::move(options)) {}

absl::Status Server::Listen(const std::string& address) {
  http::ServerOptions options = options_;
  options.address = address;
  options.most_body_bytes = kMostBodyBytes;
  options.limits.most = kMostConnections;
  options.limits.patience = kPatience;
  auto opened = http::Server::Open(
      options,
      {[pages = pages_](const http::Request& request, const http::Reply& reply) { pages->Answer(request, reply); },
       [](const std::string&, bool) {}},
      counters_);
  if (!opened.ok()) return opened.status();
  server_ = *std::move(opened);
  return absl::OkStatus();
}

}  // namespace k8sgw::admin
