#include "benchmarks/kube/api.h"

#include <fmt/core.h>

#include <cstdlib>
#include <future>

#include "src/base/text.h"
#include "src/sources/kube/kubeconfig.h"
#include "src/sources/kube/reflector.h"

namespace k8sgw::bench {
namespace {

[[noreturn]] void Die(const std::string& what, const absl::Status& status) {
  fmt::print(stderr, "{}: {}\n", what, status.ToString());
  std::exit(1);
}

kube::ClientConfig Load(const std::string& kubeconfig) {
  auto config = kube::LoadKubeconfig(kube::RealEnvironment(), kubeconfig, "");
  if (!config.ok()) Die("kubeconfig", config.status());
  return *config;
}

bool IsNoError(const kube::WriteRequest& request, const absl::Status& status) {
  return status.ok() || (request.method == "POST" && absl::IsAlreadyExists(status)) ||
         (request.method == "DELETE" && absl::IsNotFound(status));
}

// The whole body of a GET.
struct Body final : kube::HttpHandler {
  void OnHead(int its_code, std::chrono::seconds) override { code = its_code; }
  bool OnBytes(std::string_view bytes) override {
    text += bytes;
    return true;
  }
  void OnEnd(const absl::Status& status) override {
    if (!status.ok() || code != 200) Die(fmt::format("GET answered {}: {}", code, text.substr(0, 200)), status);
    done.set_value();
  }
  int code = 0;
  std::string text;
  std::promise<void> done;
};

}  // namespace

struct Api::Impl {
  explicit Impl(kube::ClientConfig config)
      : credentials(std::move(config), kube::RealEnvironment(), kube::RealExecRunner(), {}) {
    thread.Do([this] {
      client = std::make_unique<kube::HttpClient>(thread.loop(), credentials, kube::HttpClient::Options{});
      writer = std::make_unique<kube::Writer>(*client);
    });
  }
  ~Impl() {
    thread.Do([this] {
      writer.reset();
      client.reset();
    });
  }

  kube::Credentials credentials;
  kube::LoopThread thread;
  std::unique_ptr<kube::HttpClient> client;
  std::unique_ptr<kube::Writer> writer;
};

Api::Api(const std::string& kubeconfig) : impl_(std::make_unique<Impl>(Load(kubeconfig))) {}
Api::~Api() = default;

void Api::SendAll(std::vector<kube::WriteRequest> requests, size_t at_once) {
  if (requests.empty()) return;
  std::promise<void> all;
  size_t next = 0;
  size_t ended = 0;
  // All of it runs on the loop's thread.
  std::function<void()> start = [&] {
    if (next == requests.size()) return;
    const size_t i = next++;
    impl_->writer->Send(requests[i], [&, i](const kube::WriteResult& result) {
      if (!IsNoError(requests[i], result.status)) Die(requests[i].method + " " + requests[i].target, result.status);
      if (++ended == requests.size()) return all.set_value();
      start();
    });
  };
  impl_->thread.loop().Post([&] {
    for (size_t i = 0; i < at_once; ++i) start();
  });
  all.get_future().wait();
}

std::string Api::Send(kube::WriteRequest request) {
  std::promise<std::string> body;
  impl_->thread.loop().Post([&] {
    impl_->writer->Send(request, [&](const kube::WriteResult& result) {
      if (!IsNoError(request, result.status)) Die(request.method + " " + request.target, result.status);
      body.set_value(result.body);
    });
  });
  return body.get_future().get();
}

void Api::Begin(kube::WriteRequest request) {
  impl_->thread.loop().Post([this, request = std::move(request)] {
    impl_->writer->Send(request, [request](const kube::WriteResult& result) {
      if (!IsNoError(request, result.status)) Die(request.method + " " + request.target, result.status);
    });
  });
}

std::vector<std::string> Api::Get(const std::vector<std::string>& targets) {
  std::vector<std::unique_ptr<Body>> bodies;
  for (size_t i = 0; i < targets.size(); ++i) bodies.push_back(std::make_unique<Body>());
  impl_->thread.loop().Post([&] {
    for (size_t i = 0; i < targets.size(); ++i) {
      kube::HttpRequest request;
      request.target = targets[i];
      impl_->client->Start(request, bodies[i].get());
    }
  });
  std::vector<std::string> out;
  for (auto& body : bodies) {
    body->done.get_future().wait();
    out.push_back(std::move(body->text));
  }
  return out;
}

class Watcher::Stream final : public kube::HttpHandler {
 public:
  void OnHead(int code, std::chrono::seconds) override {
    if (code != 200) Die("watch", absl::UnknownError(Cat("answered ", code)));
    begun.set_value();
  }
  bool OnBytes(std::string_view bytes) override {
    const Clock::time_point now = Clock::now();
    rest_ += bytes;
    const size_t end = rest_.rfind('\n');
    if (end == std::string::npos) return true;
    const std::string_view lines = std::string_view(rest_).substr(0, end + 1);
    board.Look(lines, now);
    if (listener) listener(lines);
    rest_.erase(0, end + 1);
    return true;
  }
  void OnEnd(const absl::Status& status) override { Die("the bare watch ended", status); }

  Board board;
  std::promise<void> begun;
  std::function<void(std::string_view)> listener;

 private:
  std::string rest_;
};

Watcher::Watcher(const std::string& kubeconfig, const kube::Resource& resource)
    : api_(kubeconfig), stream_(std::make_unique<Stream>()) {
  const std::string path = kube::CollectionPath(resource);
  const std::string list = api_.Get({path + "?limit=1"}).front();
  const std::string key = "\"resourceVersion\":\"";
  // That of the list is the newest; of some kinds it stands before that of its item, of others behind it.
  std::string version;
  for (size_t at = list.find(key); at != std::string::npos; at = list.find(key, at)) {
    at += key.size();
    const std::string one = list.substr(at, list.find('"', at) - at);
    if (version.empty() || kube::IsOlder(version, one)) version = one;
  }
  api_.impl_->thread.Do([&] {
    kube::HttpRequest request;
    request.target = path + "?watch=1&resourceVersion=" + version;
    api_.impl_->client->Start(request, stream_.get());
  });
  stream_->begun.get_future().wait();
}

// The connection ends before what hears of it.
Watcher::~Watcher() { api_.impl_.reset(); }

Board& Watcher::board() { return stream_->board; }

void Watcher::OnBytes(std::function<void(std::string_view)> listener) {
  api_.impl_->thread.Do([&] { stream_->listener = std::move(listener); });
}

Trigger::Trigger(const std::string& kubeconfig, const kube::Resource& resource) : watcher_(kubeconfig, resource) {
  watcher_.OnBytes([this](std::string_view bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (text_.empty() || bytes.find(text_) == std::string_view::npos) return;
    act_();
    text_.clear();
  });
}

void Trigger::Await(const std::string& text, std::function<void()> act) {
  std::lock_guard<std::mutex> lock(mutex_);
  text_ = text;
  act_ = std::move(act);
}

}  // namespace k8sgw::bench
