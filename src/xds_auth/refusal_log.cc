#include "src/xds_auth/refusal_log.h"

#include "src/base/text.h"
#include "src/xds_auth/bearer.h"

namespace k8sgw::xds_auth {
namespace {

constexpr std::chrono::seconds kAgain(60);
constexpr size_t kMostReason = 600;

}  // namespace

std::optional<std::string> RefusalLog::Line(const xds::Refusal& refusal, Time now) {
  const std::string role = Printable(refusal.role);
  const std::string address = refusal.peer.substr(0, refusal.peer.rfind(':'));
  std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(told_, [&](const auto& one) { return now - one.second >= kAgain; });
  if (told_.contains({address, role}) || !limit_.Ready(now)) {
    ++left_out_;
    return std::nullopt;
  }
  limit_.Take();
  told_.emplace(std::pair(address, role), now);
  const std::string asks = role.empty() ? "" : Cat(", which asks for the role ", role, ",");
  const std::string before = left_out_ == 0 ? "" : Cat(" (", std::exchange(left_out_, 0), " more were refused before)");
  return Cat(Printable(refusal.peer), asks, " got nothing: ",
             Printable({refusal.status.message().data(), refusal.status.message().size()}, kMostReason), before);
}

}  // namespace k8sgw::xds_auth
