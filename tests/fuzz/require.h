// What a fuzz target claims, and what it shows.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace k8sgw::fuzz {

// Ends the process when the claim does not hold, so that libFuzzer keeps the input.
inline void Require(bool holds, std::string_view claim, std::string_view detail = "") {
  if (holds) return;
  std::fprintf(stderr, "not true: %.*s\n%.*s\n", static_cast<int>(claim.size()), claim.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

// Shows what goes on when an input is looked at alone: FUZZ_VERBOSE=1.
inline bool Verbose() {
  static const bool kVerbose = std::getenv("FUZZ_VERBOSE") != nullptr;
  return kVerbose;
}

}  // namespace k8sgw::fuzz
