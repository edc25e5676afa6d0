// gloo.solo.io.ProxyEndpointService over gRPC, without TLS, as published: the Proxies that there are, for the command
// line and whoever wants to look into a control plane. They hold no keys: Secrets stand in them by name.
//
//   proxy_debug::Server server(pipeline, post);
//   server.Listen("[::]:9966");
//   server.SetReady();  // the pipeline knows all objects
//
// All methods are called on the pipeline's thread, on which `post` runs what it is given; `post` is called from gRPC's
// threads. Until SetReady, GetProxies gets UNAVAILABLE. The port offers nothing else: no reflection, no health.
//
// GetProxies: with a name, that Proxy, NOT_FOUND when there is none, and a namespace is needed; without, all of the
// namespace, or of all, that `expression_selector` selects, or `selector` when there is none.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "src/pipeline/pipeline.h"
#include "src/xds/gate.h"

namespace k8sgw::proxy_debug {

class Server {
 public:
  using Post = std::function<void(std::function<void()>)>;

  // The pipeline outlives the server; what is posted may outlive it. `gate` says who may ask.
  Server(const Pipeline& pipeline, Post post, xds::Gate::Options gate = {});
  ~Server();

  // Starts, or moves: then open calls are cut. On an error what was there goes on.
  absl::Status Listen(const std::string& address);
  // Calls that wait get UNAVAILABLE. Returns when all of gRPC's threads have left.
  void Stop();
  // 0 while it does not listen.
  int port() const;
  void SetReady();

 private:
  class Instance;
  struct Shown;

  const xds::Gate::Options gate_;
  const std::shared_ptr<Shown> shown_;
  std::unique_ptr<Instance> instance_;
};

}  // namespace k8sgw::proxy_debug
