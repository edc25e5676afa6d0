#include "src/xds/hub.h"

#include <utility>

namespace k8sgw::xds {
namespace {

// A client with more responses than these to read is not listened to until it has read some. Of the known types there
// is never more than one each on the way; of others, a client may ask as often as it likes.
constexpr size_t kMostQueued = 16;

Time Now() { return std::chrono::steady_clock::now(); }

}  // namespace

// --- Stream

void Stream::Open(StreamOptions options) {
  hub_.Call([&](Engine& engine) {
    id_ = engine.Open(options, [this](Response response) {
      Enqueue(std::move(response));
      hub_.ready_.push_back(shared_from_this());
    });
  });
  std::lock_guard<std::mutex> lock(mutex_);
  ready_to_listen_ = true;
  ListenOn();
}

void Stream::Receive(const Request& request) {
  hub_.Call([&](Engine& engine) { engine.Receive(id_, request, Now()); });
  std::lock_guard<std::mutex> lock(mutex_);
  ready_to_listen_ = true;
  ListenOn();
}

void Stream::ListenOn() {
  if (!ready_to_listen_ || closed_ || queue_.size() >= kMostQueued) return;
  ready_to_listen_ = false;
  StartListening();
}

bool Stream::Close() {
  hub_.Call([&](Engine& engine) { engine.Close(id_); });
  std::lock_guard<std::mutex> lock(mutex_);
  return !std::exchange(closed_, true);
}

void Stream::Sent() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sending_ = false;
  }
  SendNext();
}

void Stream::Enqueue(Response response) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(response));
}

void Stream::SendNext() {
  Response response;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (sending_ || closed_ || queue_.empty()) return;
    sending_ = true;
    response = std::move(queue_.front());
    queue_.pop_front();
    ListenOn();
  }
  Prepare(response);
  std::lock_guard<std::mutex> lock(mutex_);
  if (!closed_) StartSending();
}

// --- Hub

Hub::Hub(EngineOptions options) : engine_(std::move(options)), deadlines_([this] { KeepDeadlines(); }) {}

Hub::~Hub() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  deadline_changed_.notify_one();
  deadlines_.join();
}

void Hub::Call(const std::function<void(Engine&)>& work) {
  std::vector<std::shared_ptr<Stream>> ready;
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work(engine_);
    ready.swap(ready_);
    wake = engine_.NextDeadline() != awaited_deadline_;
  }
  if (wake) deadline_changed_.notify_one();
  for (const auto& stream : ready) stream->SendNext();
}

void Hub::KeepDeadlines() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    awaited_deadline_ = engine_.NextDeadline();
    if (awaited_deadline_) {
      deadline_changed_.wait_until(lock, *awaited_deadline_);
    } else {
      deadline_changed_.wait(lock);
    }
    lock.unlock();
    Call([](Engine& engine) { engine.Tick(Now()); });
    lock.lock();
  }
}

void Hub::Apply(const std::string& role, const Update& update) {
  Call([&](Engine& engine) { engine.Apply(role, update, Now()); });
}

std::optional<Response> Hub::Fetch(const Request& request) {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.Fetch(request, Now());
}

EngineStats Hub::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.stats();
}

bool Hub::InSync(const std::string& role) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.InSync(role);
}

}  // namespace k8sgw::xds
