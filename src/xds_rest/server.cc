#include "src/xds_rest/server.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/xds_rest/messages.h"

namespace k8sgw::xds_rest {
namespace {

static_assert(yaml::kJsonPadding <= http::kBodyPadding);

constexpr std::string_view kPrefix = "/v3/discovery:";
constexpr std::pair<std::string_view, xds::Type> kPaths[] = {{"clusters", xds::Type::kCluster},
                                                             {"endpoints", xds::Type::kEndpoint},
                                                             {"listeners", xds::Type::kListener},
                                                             {"routes", xds::Type::kRoute},
                                                             {"secrets", xds::Type::kSecret}};
// A request says all that an Envoy is made of, and the names that it asks for.
constexpr size_t kMostBodyBytes = 4 << 20;
// Envoys keep a connection or two each.
constexpr size_t kMostConnections = 2048;
// Bodies that are kept for others who ask the same, and how large they are at the least.
constexpr size_t kKeptBodies = 8;
constexpr size_t kWorthKeeping = 64 << 10;

std::optional<xds::Type> TypeOfPath(std::string_view path) {
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  for (const auto& [name, type] : kPaths) {
    if (path == name) return type;
  }
  return std::nullopt;
}

http::Answer Refuse(int code, const std::string& message) { return {code, "text/plain", message + "\n"}; }

http::Answer RefusalOf(const absl::Status& status, const std::string& role) {
  const std::string message(status.message());
  if (absl::IsUnauthenticated(status)) return Refuse(401, message);
  if (absl::IsPermissionDenied(status)) return Refuse(403, message);
  if (absl::IsNotFound(status)) return Refuse(500, Cat("fetch error: missing snapshot for \"", role, "\""));
  return Refuse(503, message);
}

// Bodies that were made last, as a fleet of Envoys asks for the same at about the same time.
class Bodies {
 public:
  Ptr<std::string> Of(const xds::Response& response) {
    const std::string key = Cat(response.type_url, " ", response.version);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (const auto& [kept, body] : kept_) {
        if (kept == key) return body;
      }
    }
    auto body = std::make_shared<const std::string>(WriteResponse(response));
    if (body->size() < kWorthKeeping) return body;
    std::lock_guard<std::mutex> lock(mutex_);
    kept_.emplace_front(key, body);
    if (kept_.size() > kKeptBodies) kept_.pop_back();
    return body;
  }

 private:
  std::mutex mutex_;
  std::list<std::pair<std::string, Ptr<std::string>>> kept_;  // guarded by mutex_
};

}  // namespace

struct Server::Shared : std::enable_shared_from_this<Shared> {
  explicit Shared(Source s) : source(std::move(s)) {}

  void OnRequest(const http::Request& request, const http::Reply& reply);

  const Source source;
  Bodies bodies;
  std::atomic<uint64_t> requests{0};
};

void Server::Shared::OnRequest(const http::Request& request, const http::Reply& reply) {
  ++requests;
  const std::optional<xds::Type> type = TypeOfPath(request.path);
  if (!type)
    return reply(Refuse(404, Cat("there is only ", kPrefix, "clusters, endpoints, listeners, routes, secrets")));
  // The published product looks at no method: who asks it by GET, with a body, is answered here, too.
  if (request.method != "POST" && request.method != "GET") {
    return reply({.code = 405,
                  .body = "use POST with a DiscoveryRequest, as Envoys do, or GET with the same body\n",
                  .headers = {{"Allow", "GET, POST"}}});
  }
  if (request.body.empty())
    return reply(Refuse(400, "there is no body: send a DiscoveryRequest as JSON, by POST or GET"));
  absl::StatusOr<xds::Request> question = ReadRequest(request.body);
  if (!question.ok()) return reply(Refuse(400, std::string(question.status().message())));
  const std::string url(xds::TypeUrl(*type));
  if (question->type_url.empty()) question->type_url = url;
  if (question->type_url != url) {
    return reply(Refuse(400, Cat("typeUrl: is of another type than the path, which is for ", url)));
  }
  const std::shared_ptr<xds::Server> server = source();
  if (!server) return reply(Refuse(503, "there is no xDS server yet"));
  const xds::Caller caller{request.AllOf("authorization"), Cat("rest:", request.peer)};
  server->Fetch(caller, *question,
                [self = shared_from_this(), server, reply, role = question->role.value_or("")](const auto& got) {
                  if (!got.ok()) return reply(RefusalOf(got.status(), role));
                  if (!*got) return reply({304, "", ""});
                  const Ptr<std::string> body = self->bodies.Of(**got);
                  reply({200, "application/json", "", {}, body, *body});
                });
}

Server::Server(Source source, http::ServerOptions options)
    : options_(std::move(options)), shared_(std::make_shared<Shared>(std::move(source))) {}

Server::~Server() = default;

uint64_t Server::requests() const { return shared_->requests; }

absl::Status Server::Listen(const std::string& address) {
  http::ServerOptions options = options_;
  options.address = address;
  options.most_body_bytes = std::min(options.most_body_bytes, kMostBodyBytes);
  options.limits.most = std::max(options.limits.most, kMostConnections);
  auto opened = http::Server::Open(options,
                                   {[shared = shared_](const http::Request& request, const http::Reply& reply) {
                                      shared->OnRequest(request, reply);
                                    },
                                    [](const std::string&, bool) {}},
                                   counters_);
  if (!opened.ok()) return opened.status();
  server_ = *std::move(opened);
  return absl::OkStatus();
}

void Server::Stop() { server_.reset(); }

}  // namespace k8sgw::xds_rest
