#include "src/sds/server.h"

#include <chrono>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::sds {
namespace {

// The one role that there is.
constexpr char kEverybody[] = "everybody";

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& address,
                                                      std::function<void(const std::string&)> refused) {
  xds::ServerOptions options;
  options.address = address;
  options.engine.fallback_role = kEverybody;
  // An Envoy says for which role it wants listeners, which has nothing to do with these.
  options.engine.unknown_role_grace = std::chrono::milliseconds(0);
  options.engine.on_nack = [refused = std::move(refused)](const xds::Nack& nack) {
    for (const xds::Refused& one : nack.resources)
      refused(Cat(one.name, " is refused by Envoy ", nack.node_id, ": ", nack.message));
  };
  auto server = xds::Server::Start(std::move(options));
  if (!server.ok()) return server.status();
  return std::unique_ptr<Server>(new Server(*std::move(server)));
}

void Server::Put(std::vector<Ptr<xds::Resource>> secrets) {
  xds::Update update;
  update.put = std::move(secrets);
  server_->Apply(kEverybody, update);
}

}  // namespace k8sgw::sds
