#include "src/xds/gate.h"

#include <array>
#include <string_view>
#include <utility>

namespace k8sgw::xds {
namespace {

const absl::Status& Stops() {
  static const absl::Status& stops = *new absl::Status(absl::UnavailableError("the server stops"));
  return stops;
}

// gRPC escapes the brackets or not, by its version.
constexpr std::array<std::string_view, 4> kOfThisPod = {"ipv4:127.0.0.1:", "ipv6:[::1]:", "ipv6:%5B::1%5D:", "unix:"};

}  // namespace

bool IsOfThisPod(const std::string& peer) {
  for (const std::string_view start : kOfThisPod) {
    if (peer.starts_with(start)) return true;
  }
  return false;
}

void Gate::Ask(const Caller& caller, Done done) {
  const bool spared = options_.spares_this_pod && IsOfThisPod(caller.peer);
  if (!options_.authenticator || spared) return done(absl::OkStatus());
  uint64_t id = 0;
  {
    std::lock_guard<std::mutex> lock(waiting_->mutex);
    if (!waiting_->closed) {
      id = ++waiting_->last;
      waiting_->calls.emplace(id, std::move(done));
    }
  }
  if (id == 0) return done(Stops());
  options_.authenticator->Authenticate(
      caller, [waiting = waiting_, id, peer = caller.peer,
               on_refusal = options_.on_refusal](const absl::StatusOr<Ptr<Identity>>& answer) {
        Done waits;
        {
          std::lock_guard<std::mutex> lock(waiting->mutex);
          const auto call = waiting->calls.find(id);
          if (call == waiting->calls.end()) return;
          waits = std::move(call->second);
          waiting->calls.erase(call);
        }
        const absl::Status status = answer.ok() ? (*answer)->MayHave("") : answer.status();
        if (!status.ok() && on_refusal) on_refusal({peer, "", status});
        waits(status);
      });
}

void Gate::Close() {
  std::map<uint64_t, Done> left;
  {
    std::lock_guard<std::mutex> lock(waiting_->mutex);
    waiting_->closed = true;
    left.swap(waiting_->calls);
  }
  for (const auto& [id, done] : left) done(Stops());
}

}  // namespace k8sgw::xds
