// A Reflector that is bound to an HttpClient: follows all objects of one kind, on the client's loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "src/sources/kube/http.h"
#include "src/sources/kube/reflector.h"

namespace k8sgw::kube {

class ListWatch {
 public:
  // Told on the loop's thread. The batch's views are good during the call; the rest may be kept.
  struct Consumer {
    std::function<void(const Batch& batch)> on_batch;
    // The phase, or whether it synced, is another; after the batch that made it so.
    std::function<void(const Health& health)> on_health;
  };

  // Begins at once. The client outlives it. It must not be destroyed by its consumer while that is being told.
  ListWatch(HttpClient& client, const Resource& resource, ReflectorOptions options, RandomFraction random,
            Consumer consumer);
  ~ListWatch();
  ListWatch(const ListWatch&) = delete;
  ListWatch& operator=(const ListWatch&) = delete;

  // Nothing is read from Pause to Resume: the server is held back. For consumers that cannot keep up.
  void Pause() { paused_ = true; }
  void Resume();
  // See Reflector::Poke.
  void Poke() { Apply(reflector_.Poke(Loop::Now())); }

  const Reflector& reflector() const { return reflector_; }

 private:
  class Request;

  void Apply(const Actions& actions);
  void SetTimer();
  void Arm(Loop::Time at);

  HttpClient& client_;
  Reflector reflector_;
  const Consumer consumer_;
  std::unique_ptr<Request> request_;
  std::optional<Loop::TimerId> timer_;
  std::optional<Loop::Time> timer_at_;
  Health::Phase told_phase_ = Health::Phase::kConnecting;
  bool told_synced_ = false;
  bool paused_ = false;
};

}  // namespace k8sgw::kube
