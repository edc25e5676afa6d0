#include "src/envoy/context.h"

#include "api/gloo/v1/artifact.proto.h"
#include "src/flow/flow.h"

namespace k8sgw::envoy {
namespace {

// Where nobody pulls, any hash is as good as another.
const std::string kAssumedSha256(64, '0');

}  // namespace

Ptr<UpstreamHead> Context::FindUpstream(const UpstreamRef& ref) const {
  return reader_.Get(collections_.upstreams, ref);
}

Ptr<Object<gloov1::UpstreamGroup>> Context::FindUpstreamGroup(const UpstreamGroupRef& ref) const {
  return reader_.Get(collections_.upstream_groups, ref);
}

Ptr<Object<gloov1::Secret>> Context::FindSecret(const SecretRef& ref) const {
  return reader_.Get(collections_.secrets, ref);
}

Ptr<TlsMaterial> Context::FindTlsMaterial(const SecretRef& ref) const {
  return reader_.Get(collections_.tls_materials, ref);
}

Ptr<Object<core::Service>> Context::FindService(const ServiceRef& ref) const {
  return reader_.Get(collections_.services, ref);
}

Ptr<Object<gloov1::Artifact>> Context::FindArtifact(const ArtifactRef& ref) const {
  if (accepted_) {
    const auto found = accepted_->artifacts.find(ref);
    return found == accepted_->artifacts.end() ? nullptr : found->second;
  }
  auto found = reader_.Get(collections_.artifacts, ref);
  if (found) found_artifacts_.emplace(ref, found);
  return found;
}

Ptr<WasmModule> Context::FindWasmModule(const std::string& image) const {
  if (accepted_) {
    const auto found = accepted_->wasm_modules.find(image);
    if (found == accepted_->wasm_modules.end()) return nullptr;
    return std::make_shared<const WasmModule>(WasmModule{found->second, ""});
  }
  auto found = reader_.Get(collections_.wasm_modules, WasmImage{image});
  if (!found && options_.assume_wasm_modules)
    found = std::make_shared<const WasmModule>(WasmModule{kAssumedSha256, ""});
  if (found && !found->sha256.empty()) found_wasm_modules_.emplace(image, found->sha256);
  return found;
}

}  // namespace k8sgw::envoy
