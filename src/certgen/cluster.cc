#include "src/certgen/cluster.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "src/sources/kube/backoff.h"

namespace k8sgw::certgen {
namespace {

constexpr std::chrono::seconds kPatience(60);
constexpr std::chrono::milliseconds kTimeout(10'000);

bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted: return true;
    default: return false;
  }
}

}  // namespace

Cluster::Cluster(kube::ClientConfig config)
    : credentials_(std::move(config), kube::RealEnvironment(), kube::RealExecRunner(), {}),
      client_(loop_, credentials_, {}),
      writer_(client_) {}

kube::WriteResult Cluster::Call(const kube::WriteRequest& request) {
  std::minstd_rand engine{std::random_device()()};
  std::uniform_real_distribution<double> random{0.0, 1.0};
  kube::Backoff backoff({.first = std::chrono::milliseconds(500)}, [&] { return random(engine); });
  const auto give_up = kube::Loop::Now() + kPatience;
  for (;;) {
    kube::WriteResult result = Try(request);
    if (!MayPass(result.status) || kube::Loop::Now() > give_up) return result;
    Sleep(std::max<std::chrono::milliseconds>(backoff.Next(kube::Loop::Now()), result.details.retry_after));
  }
}

kube::WriteResult Cluster::Try(const kube::WriteRequest& request) {
  std::optional<kube::WriteResult> result;
  kube::WriteRequest once = request;
  once.timeout = kTimeout;
  writer_.Send(std::move(once), [&](const kube::WriteResult& its) { result = its; });
  while (!result) Wait();
  return *std::move(result);
}

void Cluster::Sleep(std::chrono::milliseconds time) {
  bool over = false;
  loop_.At(kube::Loop::Now() + time, [&] { over = true; });
  while (!over) Wait();
}

void Cluster::Wait() {
  pollfd waiting{loop_.fd(), POLLIN, 0};
  poll(&waiting, 1, -1);
  loop_.Process();
}

}  // namespace k8sgw::certgen
