// The annotation gloo.solo.io/upstream_config: fields of an Upstream as JSON, each in the place of what was there, or
// merged into it with gloo.solo.io/upstream_config.deep_merge: "true".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "src/model/objects.h"

namespace k8sgw::discovery {

inline constexpr std::string_view kUpstreamConfig = "gloo.solo.io/upstream_config";

struct UpstreamConfig {
  // Without metadata, statuses, and what leads away from the Service; nullptr when there is nothing.
  Ptr<gloov1::Upstream> fields;
  bool deep = false;
  // What is wrong with the annotation, in words, a bounded number of them. A field of the Upstream with a mistake in it
  // is left out as a whole.
  std::vector<std::string> mistakes;
};

// A text that is longer than `max_bytes` is a mistake.
UpstreamConfig ReadUpstreamConfig(const Labels& annotations, size_t max_bytes);
void MergeInto(const UpstreamConfig& config, gloov1::Upstream* out);

// The value of an annotation, or "".
std::string_view FindAnnotation(const Labels& annotations, std::string_view key);

}  // namespace k8sgw::discovery
