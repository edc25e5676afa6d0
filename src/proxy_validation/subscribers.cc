#include "src/proxy_validation/subscribers.h"

#include <utility>
#include <vector>

namespace k8sgw::proxy_validation {

// gRPC calls the reactions one at a time, but anybody may notify.
class Subscribers::Stream final : public Reactor {
 public:
  explicit Stream(std::weak_ptr<Shared> shared) : shared_(std::move(shared)) {}

  // `self` lives until gRPC is done with it.
  void Hold(std::shared_ptr<Stream> self) { self_ = std::move(self); }

  void Begin() {
    std::lock_guard<std::mutex> lock(mutex_);
    begun_ = due_ = true;
    WriteDue();
  }

  void Notify() {
    std::lock_guard<std::mutex> lock(mutex_);
    due_ = true;
    WriteDue();
  }

  void End(grpc::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    // Nothing may be started after Finish.
    if (std::exchange(closed_, true)) return;
    Finish(std::move(status));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(grpc::Status::CANCELLED);
    std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    WriteDue();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    const auto last = std::move(self_);
    const auto shared = shared_.lock();
    if (!shared) return;
    std::lock_guard<std::mutex> lock(shared->mutex);
    shared->streams.erase(last);
  }

 private:
  void WriteDue() {
    if (!begun_ || closed_ || writing_ || !due_) return;
    due_ = false;
    writing_ = true;
    StartWrite(&message_);
  }

  const std::weak_ptr<Shared> shared_;
  std::shared_ptr<Stream> self_;
  const grpc::Slice nothing_{""};
  const grpc::ByteBuffer message_{&nothing_, 1};
  std::mutex mutex_;
  bool begun_ = false;  // these are guarded by mutex_
  bool due_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

Subscribers::Reactor* Subscribers::Add(const std::function<void(Admitted)>& admit) {
  const auto stream = std::make_shared<Stream>(shared_);
  bool full = false;
  {
    std::lock_guard<std::mutex> lock(shared_->mutex);
    full = shared_->streams.size() >= kMost;
    if (!full) shared_->streams.insert(stream);
  }
  stream->Hold(stream);
  if (full) {
    stream->End(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many clients wait for notifications"));
  } else {
    admit([stream](const grpc::Status& status) { status.ok() ? stream->Begin() : stream->End(status); });
  }
  return stream.get();
}

void Subscribers::Notify() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    std::lock_guard<std::mutex> lock(shared_->mutex);
    streams.assign(shared_->streams.begin(), shared_->streams.end());
  }
  for (const auto& stream : streams) stream->Notify();
}

size_t Subscribers::size() const {
  std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->streams.size();
}

}  // namespace k8sgw::proxy_validation
