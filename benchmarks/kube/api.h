// A client of the API server that writes many objects at once, lists as a floor, and watches as a floor. All errors end
// the process: a benchmark that lost a write measures nothing.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "benchmarks/kube/board.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::bench {

// A connection of its own, on a thread of its own.
class Api {
 public:
  explicit Api(const std::string& kubeconfig);
  ~Api();

  // Waits for the end of all; `at_once` requests are under way at any time. What exists already is no error when it is
  // to be created, nor what is missing when it is to be deleted.
  void SendAll(std::vector<kube::WriteRequest> requests, size_t at_once = 64);
  std::string Send(kube::WriteRequest request);
  // Does not wait; the wait is in the next SendAll, or the end.
  void Begin(kube::WriteRequest request);
  // The bodies of GETs that run side by side.
  std::vector<std::string> Get(const std::vector<std::string>& targets);

 private:
  friend class Watcher;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The floor of everything that follows objects: looks at the bytes of a watch and understands nothing.
class Watcher {
 public:
  // Returns when the server has begun to answer.
  Watcher(const std::string& kubeconfig, const kube::Resource& resource);
  ~Watcher();
  Board& board();
  // Called with the bytes as they come, on the watcher's thread, after the board was.
  void OnBytes(std::function<void(std::string_view bytes)> listener);

 private:
  class Stream;
  Api api_;
  std::unique_ptr<Stream> stream_;
};

// A watch that does what is ready as soon as the bytes of a change are there.
class Trigger {
 public:
  Trigger(const std::string& kubeconfig, const kube::Resource& resource);
  // `act` is called once, on the watcher's thread, when bytes with `text` have come. It takes the place of one that was
  // not called yet.
  void Await(const std::string& text, std::function<void()> act);

 private:
  std::mutex mutex_;
  std::string text_;  // these are guarded by mutex_
  std::function<void()> act_;
  Watcher watcher_;
};

}  // namespace k8sgw::bench
