#include "src/sources/kube/caller.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "src/sources/kube/backoff.h"

namespace k8sgw::kube {
namespace {

bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted: return true;
    default: return false;
  }
}

}  // namespace

Caller::Caller(ClientConfig config, Options options)
    : options_(options),
      credentials_(std::move(config), RealEnvironment(), RealExecRunner(), {}),
      client_(loop_, credentials_, {}),
      writer_(client_) {}

WriteResult Caller::Call(const WriteRequest& request) {
  std::minstd_rand engine{std::random_device()()};
  std::uniform_real_distribution<double> random{0.0, 1.0};
  Backoff backoff({.first = std::chrono::milliseconds(500)}, [&] { return random(engine); });
  const auto give_up = Loop::Now() + options_.patience;
  for (;;) {
    WriteResult result = Try(request);
    if (!MayPass(result.status) || Loop::Now() >= give_up) return result;
    WaitFor([] { return false; },
            std::max<std::chrono::milliseconds>(backoff.Next(Loop::Now()), result.details.retry_after));
  }
}

WriteResult Caller::Try(const WriteRequest& request) {
  std::optional<WriteResult> result;
  WriteRequest once = request;
  once.timeout = options_.timeout;
  writer_.Send(std::move(once), [&](const WriteResult& its) { result = its; });
  while (!result) Wait();
  return *std::move(result);
}

bool Caller::WaitFor(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  bool over = false;
  const Loop::TimerId timer = loop_.At(Loop::Now() + limit, [&] { over = true; });
  while (!done() && !over) Wait();
  loop_.Cancel(timer);
  return !over || done();
}

void Caller::Wait() {
  pollfd waiting{loop_.fd(), POLLIN, 0};
  poll(&waiting, 1, -1);
  loop_.Process();
}

}  // namespace k8sgw::kube
