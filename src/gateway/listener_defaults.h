// The options of listeners that Settings give to those that have none of their own: the servers that they ask.
#pragma once

#include "src/gateway/places.h"
#include "src/model/objects.h"

namespace gloo::solo::io {
class HttpListenerOptions;
}

namespace k8sgw::gateway {

struct ListenerDefaults {
  // Never nullptr.
  Ptr<gloov1::HttpListenerOptions> options;
  Source source;
  uint64_t hash = 0;

  bool operator==(const ListenerDefaults& other) const { return hash == other.hash && source == other.source; }
};

ListenerDefaults ReadListenerDefaults(const Object<gloov1::Settings>& settings);

// Adds the defaults for which the listener has no options; `sources` gets their places.
void AddDefaults(const ListenerDefaults& defaults, gloov1::Listener& listener, proxy::OptionSources& sources);

}  // namespace k8sgw::gateway
