#include "src/sources/kube/list_watch.h"

#include <utility>

namespace k8sgw::kube {

// One request of the reflector. A later one is another object, so nothing of an old one is taken for it.
class ListWatch::Request : public HttpHandler {
 public:
  Request(ListWatch& owner, const Fetch& fetch) : owner_(owner) {
    id_ = owner.client_.Start(
        {.target = fetch.target, .accept = fetch.accept, .fresh_credentials = fetch.fresh_credentials}, this);
  }
  ~Request() override {
    if (!ended_) owner_.client_.Cancel(id_);
  }
  void Resume() {
    if (std::exchange(refused_, false)) owner_.client_.Resume(id_);
  }

  void OnHead(int code, std::chrono::seconds retry_after) override {
    owner_.Apply(owner_.reflector_.OnHead(Loop::Now(), code, retry_after));
  }
  bool OnBytes(std::string_view bytes) override {
    refused_ = owner_.paused_;
    if (refused_) return false;
    // This object may be gone when it returns.
    owner_.Apply(owner_.reflector_.OnBytes(Loop::Now(), bytes));
    return true;
  }
  void OnEnd(const absl::Status& status) override {
    ended_ = true;
    owner_.Apply(owner_.reflector_.OnEnd(Loop::Now(), status));
  }

 private:
  ListWatch& owner_;
  HttpClient::Id id_ = 0;
  bool ended_ = false;
  bool refused_ = false;
};

ListWatch::ListWatch(HttpClient& client, const Resource& resource, ReflectorOptions options, RandomFraction random,
                     Consumer consumer)
    : client_(client), reflector_(resource, std::move(options), std::move(random)), consumer_(std::move(consumer)) {
  Apply(reflector_.Start(Loop::Now()));
}

ListWatch::~ListWatch() {
  if (timer_) client_.loop().Cancel(*timer_);
}

void ListWatch::Resume() {
  if (!std::exchange(paused_, false)) return;
  // So that the time until now does not count.
  Apply(reflector_.OnBytes(Loop::Now(), ""));
  if (request_) request_->Resume();
}

void ListWatch::Apply(const Actions& actions) {
  for (const Batch& batch : actions.batches) consumer_.on_batch(batch);
  if (actions.cancel) request_.reset();
  if (actions.fetch) request_ = std::make_unique<Request>(*this, *actions.fetch);
  SetTimer();
  const Health& health = reflector_.health();
  if (health == told_) return;
  told_ = health;
  if (consumer_.on_health) consumer_.on_health(health);
}

// A deadline that is later than the timer is set when that has run: with every piece of a body it moves on.
void ListWatch::SetTimer() {
  const std::optional<Loop::Time> deadline = reflector_.deadline();
  if (timer_ && deadline && *timer_at_ <= *deadline) return;
  if (timer_) client_.loop().Cancel(*timer_);
  timer_.reset();
  if (deadline) Arm(*deadline);
}

void ListWatch::Arm(Loop::Time at) {
  timer_at_ = at;
  timer_ = client_.loop().At(at, [this] {
    timer_.reset();
    // While nobody reads, silence says nothing about the server.
    if (paused_) return Arm(Loop::Now() + std::chrono::seconds(1));
    Apply(reflector_.OnTimer(Loop::Now()));
  });
}

}  // namespace k8sgw::kube
