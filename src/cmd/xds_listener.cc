#include "src/cmd/xds_listener.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "api/gloo/v1/settings.proto.h"

namespace k8sgw {
namespace {

constexpr char kDefaultAddress[] = "0.0.0.0:9977";
constexpr std::chrono::milliseconds kFirstPause(250);
constexpr std::chrono::milliseconds kLongestPause(10'000);

std::string PortOf(const std::string& address) { return address.substr(address.rfind(':') + 1); }

}  // namespace

void XdsListener::Follow(const gloov1::Settings* settings) {
  const std::string given = settings ? settings->gloo().xds_bind_addr() : "";
  Listen(given.empty() ? kDefaultAddress : given);
}

void XdsListener::Listen(const std::string& address) {
  wanted_ = address;
  again_.reset();
  if (address == address_) return;
  absl::Status status = control_.Listen(address);
  if (!status.ok() && PortOf(address) == PortOf(address_)) {
    // The port may be taken by ourselves, on another address.
    control_.Shutdown();
    status = control_.Listen(address);
    if (!status.ok() && !control_.Listen(address_).ok()) address_.clear();
  }
  if (!status.ok()) return TryAgain(address, status);
  refused_.clear();
  pause_ = kFirstPause;
  address_ = address;
  std::cout << "ready: xDS on " << address << " (port " << control_.port() << ")" << std::endl;
}

void XdsListener::TryAgain(const std::string& address, const absl::Status& status) {
  pause_ = std::clamp(pause_, kFirstPause, kLongestPause);
  again_ = EventLoop::Now() + pause_;
  pause_ *= 2;
  if (std::exchange(refused_, address) == address) return;
  spdlog::error("{}: gloo.xdsBindAddr: {}{}", where_(), std::string(status.message()),
                address_.empty() ? "" : "; " + address_ + " stays in use until it is free");
}

}  // namespace k8sgw
