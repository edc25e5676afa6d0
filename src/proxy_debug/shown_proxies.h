// Proxies as they are shown: serialized once for each revision, chosen for each call.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/ptr.h"
#include "src/model/objects.h"

namespace gloo::solo::io {
class ProxyEndpointRequest;
}

namespace k8sgw::proxy_debug {

struct ShownProxy {
  std::string ns;
  std::string name;
  Labels labels;
  // The message.
  Ptr<std::string> bytes;
};
using ShownProxies = std::vector<ShownProxy>;

ShownProxies Show(const std::vector<gloov1::Proxy>& proxies);

// Those that the request asks for, in their order. Errors: InvalidArgument for requests that make no sense, NotFound.
absl::StatusOr<std::vector<Ptr<std::string>>> Choose(const ShownProxies& proxies,
                                                     const gloov1::ProxyEndpointRequest& request);

}  // namespace k8sgw::proxy_debug
