// Reads off one stream what its Envoy accepts, and keeps it: a response counts when it is acknowledged, not before. One
// stream is told to it by one thread at a time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "src/xds_relay/memory.h"

namespace k8sgw::xds_relay {

namespace dsv3 = ::envoy::service::discovery::v3;

class Recorder {
 public:
  // `fresh`: this Envoy had nothing before, so what the first response of a type does not bring, it does not have.
  Recorder(Memory& memory, bool fresh) : memory_(memory), fresh_(fresh) {}

  void OnResponse(const dsv3::DeltaDiscoveryResponse& response);
  void OnResponse(const dsv3::DiscoveryResponse& response);
  void OnRequest(const dsv3::DeltaDiscoveryRequest& request);
  void OnRequest(const dsv3::DiscoveryRequest& request);

 private:
  // By type and nonce.
  using Key = std::pair<std::string, std::string>;

  Memory& memory_;
  const bool fresh_;
  std::set<std::string> begun_;
  std::map<Key, dsv3::DeltaDiscoveryResponse> deltas_;
  std::map<Key, dsv3::DiscoveryResponse> states_;
};

// node.metadata.role, or "".
std::string RoleOf(const envoy::config::core::v3::Node& node);
// For whom resources were made: the role, and the module that is needed to load them, if one was reported. An Envoy
// without it would refuse its listeners, and have no others.
std::string OwnerOf(const envoy::config::core::v3::Node& node);

}  // namespace k8sgw::xds_relay
