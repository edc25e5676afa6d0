// Envoy's words about what it refuses. (IsNamedIn, which others need as well, is in engine.h.)
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace k8sgw::xds {

// How words end that Envoy has cut, and so do those that Shortened has cut.
inline constexpr std::string_view kCutMark = "...(truncated)";

// The names among `candidates` that stand in Envoy's words.
std::vector<std::string> NamedIn(const std::string& words, const std::vector<std::string>& candidates);

// At most some kilobytes of them.
std::string Shortened(const std::string& words);

}  // namespace k8sgw::xds
