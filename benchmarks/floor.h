// The floor: what the real Envoy needs when somebody hands it the right bytes at once.
//
// A bare delta ADS server that has every response prepared before the clock starts. It translates, compares and
// serializes nothing. Also the same configuration as a static file.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "src/pipeline/pipeline.h"

namespace k8sgw::bench {

class FloorServer {
 public:
  // Answers the first request of each type with all of `snapshot`.
  explicit FloorServer(const Snapshot& snapshot);
  // The same with serialized responses.
  explicit FloorServer(const std::map<xds::Type, std::string>& responses);
  ~FloorServer();

  int port() const;
  // Prepares a response of one resource, or a serialized one; pushed as often as wanted.
  struct Prepared;
  std::shared_ptr<const Prepared> Prepare(const Ptr<xds::Resource>& resource) const;
  std::shared_ptr<const Prepared> Prepare(const std::string& response) const;
  // Sends it to the Envoy that connected last, now.
  void Push(const std::shared_ptr<const Prepared>& response);
  void PushToAll(const std::shared_ptr<const Prepared>& response);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A bootstrap that asks `xds_port` for everything, as `run` gives it to its Envoy.
std::string DynamicBootstrap(int xds_port, int admin_port, const std::string& role);
// All of the snapshot as static resources, in JSON or, when `binary`, as protobuf.
std::string StaticBootstrap(const Snapshot& snapshot, int admin_port, bool binary);

}  // namespace k8sgw::bench
