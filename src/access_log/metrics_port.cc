#include "src/access_log/metrics_port.h"

#include <utility>

#include "src/base/address.h"
#include "src/base/text.h"

namespace k8sgw::access_log {
namespace {

http::Answer AnswerTo(const http::Request& request, const std::function<std::string()>& text) {
  if (request.path != "/metrics") return {404, "text/plain", "there is only /metrics\n"};
  if (request.method != "GET" && request.method != "HEAD") return {405, "text/plain", "use GET\n"};
  return {200, "text/plain; version=0.0.4", text()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsPort>> MetricsPort::Open(int port, std::function<std::string()> text) {
  auto opened = std::make_unique<MetricsPort>();
  const http::Server::Callbacks callbacks{
      [text = std::move(text)](const http::Request& request, const http::Reply& reply) {
        reply(AnswerTo(request, text));
      },
      [](const std::string&, bool) {}};
  http::ServerOptions options;
  options.address = AnyAddress(port);
  options.most_body_bytes = 0;
  auto server = http::Server::Open(options, callbacks, opened->counters_);
  if (!server.ok()) {
    return absl::UnavailableError(
        Cat(std::string(server.status().message()), ": it is for metrics: choose another port, or 0 for none"));
  }
  opened->server_ = *std::move(server);
  return opened;
}

}  // namespace k8sgw::access_log
