// Gateway, VirtualService, RouteTable, RouteOption, VirtualHostOption → the parts of Proxies.
//
// A group of nodes in the graph. Everything is per object: an edited RouteTable re-runs the VirtualHosts that include
// it, an edited VirtualService re-runs its own, whatever the number of others.
#pragma once

#include <map>
#include <memory>

#include "src/flow/flow.h"
#include "src/model/settings_key.h"
#include "src/proxy/proxy.h"

namespace k8sgw {
struct Inputs;
}

namespace k8sgw::gateway {

struct Selection;

class Translation {
 public:
  // The inputs must outlive the translation; both live as long as the graph.
  Translation(flow::Graph& graph, const Inputs& inputs, const SettingsKey& settings);
  ~Translation();

  // One entry per Gateway and proxy name, also for Gateways with errors (see Listener::accepted). Gateways that are not
  // translated at all have none.
  const flow::Collection<proxy::ListenerKey, proxy::Listener>& listeners() const;
  // Which VirtualServices belong to which listener. While a Gateway has errors, those that its last good version
  // selects.
  const flow::Collection<proxy::VirtualHostKey, proxy::Binding>& bindings() const;
  const flow::Index<proxy::ListenerKey, proxy::VirtualHostKey, proxy::Binding>& bindings_by_listener() const;
  // One entry per binding.
  const flow::Collection<proxy::VirtualHostKey, proxy::VirtualHost>& virtual_hosts() const;
  // Problems of objects that are not attached to any part above: VirtualServices that no Gateway selects, Gateways that
  // are not translated at all, Settings; and what is wrong with the content of VirtualServices, RouteTables and their
  // options whether or not they are attached. The parts above repeat the latter in the same words.
  const flow::Collection<ResourceKey, Problems>& other_problems() const;

  // --- the memory of last good versions, to be carried over a restart or into a run from scratch
  struct Memory {
    std::map<proxy::ListenerKey, Ptr<Selection>> selections;
  };
  Memory memory() const;
  // Before the first Commit.
  void Remember(const Memory& memory);

 private:
  struct Nodes;
  std::unique_ptr<Nodes> nodes_;
};

}  // namespace k8sgw::gateway
