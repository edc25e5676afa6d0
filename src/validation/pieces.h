// All that Envoys would be sent, as shared, immutable pieces: taken in a moment on the thread that owns the pipeline,
// also from a speculation, and joined on any other.
#pragma once

#include <utility>
#include <vector>

#include "src/pipeline/pipeline.h"

namespace k8sgw::validation {

struct Pieces {
  struct Listener {
    proxy::ListenerKey key;
    Ptr<proxy::Listener> from;
    Ptr<xds::Resource> resource;
    // False for one that is only there for its virtual hosts.
    bool suspect = true;
  };
  struct Host {
    proxy::VirtualHostKey key;
    Ptr<envoy::ServedVirtualHost> served;
  };

  // In the order of their keys. Only what is served: endpoints, which no object of users says alone, are left out.
  std::vector<std::pair<UpstreamRef, Ptr<xds::Resource>>> clusters;
  std::vector<Listener> listeners;
  std::vector<Host> hosts;
};

Pieces TakePieces(const Pipeline& pipeline);
// The pieces that are not in `before`, and the listeners of such virtual hosts.
Pieces NewPieces(const Pieces& now, const Pieces& before);

}  // namespace k8sgw::validation
