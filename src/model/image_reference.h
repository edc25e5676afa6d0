// Names of OCI images, as users write them: "registry.example.com:5000/team/filter:v1", with "@sha256:…" for one that
// never changes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace k8sgw {

struct ImageReference {
  // Host, with a port when one is given.
  std::string registry;
  std::string repository;
  // "latest" when neither a tag nor a digest is given; "" with a digest, which says more.
  std::string tag;
  // "sha256:…" of the manifest, or "".
  std::string digest;

  bool operator==(const ImageReference&) const = default;
  // What the distribution API wants at the end of a path.
  const std::string& tag_or_digest() const { return digest.empty() ? tag : digest; }
  std::string ToString() const;
};

// Names without a registry are Docker Hub's, as everywhere; "oci://" in front is allowed. Errors say what is wrong.
absl::StatusOr<ImageReference> ParseImageReference(std::string_view text);

// Whether the text is "sha256:" and 64 lower-case hexadecimal digits.
bool IsSha256Digest(std::string_view text);
// The same without "sha256:".
bool IsSha256Hex(std::string_view text);

}  // namespace k8sgw
