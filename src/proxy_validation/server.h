// gloo.solo.io.GlooValidationService over gRPC, without TLS, as published: whoever makes Upstreams asks what they would
// do to the Proxies, and is told when it is worth asking again.
//
//   proxy_validation::Server server(pipeline, post);
//   server.Listen("[::]:9988", 100 << 20);
//   server.AfterCommit();  // after each Commit of the pipeline
//   server.SetReady();     // the pipeline knows all objects
//
// All methods are called on the pipeline's thread, on which `post` runs what it is given; `post` is called from gRPC's
// threads. Until SetReady, Validate gets UNAVAILABLE. The port offers nothing else: no reflection, no health.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "src/pipeline/pipeline.h"
#include "src/xds/gate.h"

namespace k8sgw::proxy_validation {

class Server {
 public:
  using Post = std::function<void(std::function<void()>)>;

  // The pipeline outlives the server; what is posted may outlive it. `gate` says who may ask, and listen.
  Server(Pipeline& pipeline, Post post, xds::Gate::Options gate = {});
  ~Server();

  // Starts, or moves: then open calls are cut, and clients come again. On an error what was there goes on. Requests may
  // have so many bytes; any number with -1.
  absl::Status Listen(const std::string& address, int max_request_bytes);
  // Calls that wait get UNAVAILABLE. Returns when all of gRPC's threads have left.
  void Stop();
  // 0 while it does not listen.
  int port() const;
  void SetReady();
  // Tells subscribers when the commit changed what Validate may say. Endpoints do not.
  void AfterCommit();

 private:
  class Instance;
  struct Judge;

  const xds::Gate::Options gate_;
  const std::shared_ptr<Judge> judge_;
  std::unique_ptr<Instance> instance_;
  uint64_t revision_ = 0;
};

}  // namespace k8sgw::proxy_validation
