// metadataStatic: which objects a part of a Proxy came from, in the published words.
#pragma once

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/proxy/proxy.h"

namespace k8sgw::proxy {

inline void AddSource(const Origin& origin, gloov1::SourceMetadata& out) {
  auto& source = *out.add_sources();
  source.mutable_resource_ref()->set_namespace_(origin.object.ns);
  source.mutable_resource_ref()->set_name(origin.object.name);
  source.set_resource_kind("*v1." + std::string(KindName(origin.object.kind)));
  source.set_observed_generation(origin.generation);
}

}  // namespace k8sgw::proxy
