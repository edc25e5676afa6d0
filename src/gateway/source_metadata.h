// metadataStatic: which objects a part of a Proxy came from, in the published words.
#pragma once

#include <string_view>

#include "api/gloo/v1/proxy.pb.h"
#include "src/model/objects.h"

namespace k8sgw::gateway {

inline void AddSource(std::string_view kind, const std::string& ns, const std::string& name, int64_t generation,
                      gloov1::SourceMetadata& out) {
  auto& source = *out.add_sources();
  source.mutable_resource_ref()->set_namespace_(ns);
  source.mutable_resource_ref()->set_name(name);
  source.set_resource_kind(std::string(kind));
  source.set_observed_generation(generation);
}

}  // namespace k8sgw::gateway
