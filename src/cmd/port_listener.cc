#include "src/cmd/port_listener.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>
#include <utility>

namespace k8sgw {
namespace {

constexpr std::chrono::milliseconds kFirstPause(250);
constexpr std::chrono::milliseconds kLongestPause(10'000);

std::string PortOf(const std::string& address) { return address.substr(address.rfind(':') + 1); }

}  // namespace

void PortListener::Follow(const std::string& address) {
  wanted_ = address;
  again_.reset();
  if (address == address_) return;
  absl::Status status = served_.listen(address);
  if (!status.ok() && PortOf(address) == PortOf(address_)) {
    // The port may be taken by ourselves, on another address.
    served_.stop();
    status = served_.listen(address);
    if (!status.ok() && !served_.listen(address_).ok()) address_.clear();
  }
  if (!status.ok()) return TryAgain(address, status);
  refused_.clear();
  pause_ = kFirstPause;
  address_ = address;
  if (!served_.announce) return spdlog::info("{} on {} (port {})", served_.what, address, served_.port());
  std::cout << "ready: " << served_.what << " on " << address << " (port " << served_.port() << ")" << std::endl;
}

void PortListener::StartAnew() {
  if (address_.empty()) return;
  served_.stop();
  address_.clear();
  Follow(wanted_);
}

void PortListener::TryAgain(const std::string& address, const absl::Status& status) {
  pause_ = std::clamp(pause_, kFirstPause, kLongestPause);
  again_ = EventLoop::Now() + pause_;
  pause_ *= 2;
  if (std::exchange(refused_, address) == address) return;
  spdlog::error("{}: {}: {}{}", where_(served_.field), served_.field, std::string(status.message()),
                address_.empty() ? "" : "; " + address_ + " stays in use until it is free");
}

}  // namespace k8sgw
