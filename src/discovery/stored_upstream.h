// An Upstream as the API server has it, and the JSON of what is written there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/gloo/v1/upstream.proto.h"
#include "src/model/objects.h"

namespace k8sgw::discovery {

struct StoredUpstream {
  UpstreamRef ref;
  std::string uid;
  std::string version;
  Labels labels;
  Labels annotations;
  gloov1::Upstream spec;

  // Whether it was discovered: it has the published label.
  bool is_ours() const;
};

// Behind the text, yaml::kJsonPadding bytes are readable. nullopt for what has no name. The annotations and the spec
// are read of those alone that were discovered: there may be many others, which are left alone.
std::optional<StoredUpstream> ReadStored(std::string_view padded);

// The whole object, as it is made.
std::string NewObject(const UpstreamRef& ref, const gloov1::Upstream& spec, const Labels& annotations);

// A merge patch, which holds for the version that is stored; "" when there is nothing to do. What `wanted` has takes
// the place of what is there; all else is people's, and stays. Service, port, selector and labels of the Service do
// follow `wanted`.
std::string PatchFor(const StoredUpstream& stored, const gloov1::Upstream& wanted, const Labels& annotations);

}  // namespace k8sgw::discovery
