// A Reflector that is bound to an HttpClient: follows all objects of one kind, on the client's loop.
#pragma once

#include <memory>
#include <optional>

#include "src/sources/kube/http.h"
#include "src/sources/kube/watch.h"

namespace k8sgw::kube {

class ListWatch : public Watch {
 public:
  // Begins at once. The client outlives it. It must not be destroyed by its consumer while that is being told.
  ListWatch(HttpClient& client, const Resource& resource, ReflectorOptions options, RandomFraction random,
            Consumer consumer);
  ~ListWatch() override;
  ListWatch(const ListWatch&) = delete;
  ListWatch& operator=(const ListWatch&) = delete;

  // Nothing is read from Pause to Resume: the server is held back. For consumers that cannot keep up.
  void Pause() { paused_ = true; }
  void Resume();
  void Poke() override { Apply(reflector_.Poke(Loop::Now())); }
  const std::string& version() const override { return reflector_.resource_version(); }

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
  Health told_;
  bool paused_ = false;
};

}  // namespace k8sgw::kube
