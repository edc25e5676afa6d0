// What GlooValidationService.Validate answers: the published reports about all Proxies, or one, with some Upstreams
// changed or some Upstreams and Secrets gone. No I/O and no clock.
#pragma once

#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "src/pipeline/pipeline.h"

namespace gloo::solo::io {
class GlooValidationServiceRequest;
class GlooValidationServiceResponse;
}  // namespace gloo::solo::io

namespace k8sgw::proxy_validation {

// Requests that name more objects are refused: the pipeline's thread judges all of them at once.
inline constexpr int kMostObjects = 1'000;
// Larger Upstreams are refused. No API server stores them, either.
inline constexpr size_t kLargestUpstream = 1'500'000;

// What a request would change.
struct Trial {
  std::vector<Change> changes;
  // The Upstreams among them: these are reported on, whether or not anything is wrong with them.
  std::set<UpstreamRef> upstreams;
};

// Needs no pipeline. Upstreams are decoded as those of files are. Errors: InvalidArgument for what names no object or
// is too large; the text says which item it is.
absl::StatusOr<Trial> ReadTrial(const gloov1::GlooValidationServiceRequest& request);

// On the pipeline's thread, with nothing staged; leaves the pipeline as it was. Without any Proxy there is no report,
// as published. An Upstream that would be deleted and is not there has a warning.
gloov1::GlooValidationServiceResponse Validate(Pipeline& pipeline, const gloov1::GlooValidationServiceRequest& request,
                                               const Trial& trial);

}  // namespace k8sgw::proxy_validation
