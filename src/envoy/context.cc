#include "src/envoy/context.h"

#include "api/gloo/v1/artifact.proto.h"

namespace k8sgw::envoy {

Ptr<Object<gloov1::Artifact>> Context::FindArtifact(const ArtifactRef& ref) const {
  if (accepted_artifacts_) {
    const auto found = accepted_artifacts_->find(ref);
    return found == accepted_artifacts_->end() ? nullptr : found->second;
  }
  auto found = reader_.Get(collections_.artifacts, ref);
  if (found) found_artifacts_.emplace(ref, found);
  return found;
}

}  // namespace k8sgw::envoy
