// Secrets as Envoy gets them by SDS.
#pragma once

#include "src/base/ptr.h"
#include "src/envoy/tls.h"
#include "src/model/objects.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

// The SDS resources of a secret: its certificate and its authority; either may be missing.
struct SecretResources {
  Ptr<xds::Resource> certificate;
  Ptr<xds::Resource> authority;

  bool operator==(const SecretResources& other) const;
};

SecretResources MakeSecretResources(const SecretRef& ref, const TlsMaterial& material);

}  // namespace k8sgw::envoy
