// The parts of URLs that decide who gets what.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace k8sgw::wasm_cache {

struct Url {
  // Without user, password and fragment.
  std::string text;
  bool plain = false;
  std::string host;
  // host:port, with the scheme's port when none is given.
  std::string authority;

  bool SameOrigin(const Url& other) const { return plain == other.plain && authority == other.authority; }
};

// An http or https URL; with `base`, also one that is relative to it. Errors: it is none.
absl::StatusOr<Url> ParseUrl(const std::string& text, const Url* base = nullptr);

// For the value of a query parameter.
std::string QueryEscaped(std::string_view text);

}  // namespace k8sgw::wasm_cache
