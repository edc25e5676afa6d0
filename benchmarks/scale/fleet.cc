#include "benchmarks/scale/fleet.h"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace k8sgw::bench {
namespace {

constexpr auto kPatience = std::chrono::minutes(2);
constexpr int kEvents = 64;
constexpr uint64_t kStop = ~uint64_t{0};

void Add(int epoll, int fd, uint64_t number) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

Fleet::Fleet(int port, int clients, const Subscriptions& subscriptions)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), stop_(eventfd(0, EFD_CLOEXEC)), had_(static_cast<size_t>(clients)) {
  Add(epoll_, stop_, kStop);
  for (int i = 0; i < clients; ++i) {
    streams_.push_back(std::make_unique<BareStream>(port, subscriptions));
    if (i == 0) streams_.front()->Keep();
  }
  for (size_t i = 0; i < streams_.size(); ++i) Add(epoll_, streams_[i]->fd(), i);
  thread_ = std::thread([this] { Run(); });
}

Fleet::~Fleet() {
  eventfd_write(stop_, 1);
  thread_.join();
  close(stop_);
  close(epoll_);
}

void Fleet::Run() {
  std::array<epoll_event, kEvents> events;
  for (;;) {
    const int count = epoll_wait(epoll_, events.data(), kEvents, -1);
    for (int i = 0; i < count; ++i) {
      const uint64_t number = events[static_cast<size_t>(i)].data.u64;
      if (number == kStop) return;
      // The first one keeps what others read.
      std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
      if (number == 0) lock.lock();
      const std::vector<xds::Type> complete = streams_[number]->OnReadable();
      if (complete.empty()) continue;
      const Clock::time_point now = Clock::now();
      if (!lock.owns_lock()) lock.lock();
      for (const xds::Type type : complete) Count(number, type, now);
    }
  }
}

void Fleet::Count(size_t client, xds::Type type, Clock::time_point now) {
  const size_t responses = ++had_[client][static_cast<size_t>(type)];
  auto& reached = reached_[static_cast<size_t>(type)];
  if (reached.size() < responses) reached.resize(responses);
  Reached& here = reached[responses - 1];
  here.last = now;
  if (++here.clients == streams_.size()) changed_.notify_all();
}

size_t Fleet::Responses(xds::Type type) const {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t responses = 0;
  for (const Reached& reached : reached_[static_cast<size_t>(type)]) {
    if (reached.clients == streams_.size()) ++responses;
  }
  return responses;
}

Clock::time_point Fleet::Await(xds::Type type, size_t responses) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto& reached = reached_[static_cast<size_t>(type)];
  const auto there = [&] { return reached.size() >= responses && reached[responses - 1].clients == streams_.size(); };
  if (!changed_.wait_for(lock, kPatience, there)) {
    fmt::print(stderr, "not all of {} bare clients had {} responses of {} in time\n", streams_.size(), responses,
               xds::TypeUrl(type));
    std::exit(1);
  }
  return reached[responses - 1].last;
}

std::string Fleet::Kept(xds::Type type) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return streams_.front()->kept(type);
}

}  // namespace k8sgw::bench
