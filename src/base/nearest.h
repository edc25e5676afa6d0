// "Did you mean …?"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace k8sgw {

// The candidate that is most like `word`, or "" when none is like it.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace k8sgw
