#include "src/admission/envoy_panel.h"

#include <utility>

namespace k8sgw::admission {

EnvoyPanel::~EnvoyPanel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void EnvoyPanel::Ask(std::shared_ptr<const validation::ChangeQuestion> question, Time until,
                     std::function<void(Problems)> done) {
  bool full = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    full = waiting_.size() >= kMostWaiting;
    if (!full) waiting_.push_back({std::move(question), until, std::move(done)});
  }
  if (full) {
    return done({{{},
                  Severity::kError,
                  "",
                  "Envoy could not be asked: too many reviews wait for it",
                  "try again, or switch off gateway.validation.fullEnvoyValidation in Settings"}});
  }
  changed_.notify_one();
  if (threads_.size() < kAtOnce) threads_.emplace_back([this] { Run(); });
}

void EnvoyPanel::Run() {
  while (true) {
    Item item;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (stop_) return;
      item = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Problems answer = validation::AskAboutChange(*item.question, {envoy_, item.until, &stop_});
    if (stop_) return;
    item.done(std::move(answer));
  }
}

}  // namespace k8sgw::admission
