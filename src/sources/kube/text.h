// Small helpers that the readers of configuration and answers share.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::kube {

// Without white space at both ends.
inline std::string Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

// Debian's Abseil has a string_view of its own.
template <class View>
std::string_view ToStd(View text) {
  return {text.data(), text.size()};
}

}  // namespace k8sgw::kube
