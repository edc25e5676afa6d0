// Text out of parts. (Debian's Abseil has a string_view of its own, so its StrCat does not take the standard one.)
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace k8sgw {

inline void AppendPart(std::string& out, std::string_view part) { out.append(part); }
template <std::integral T>
void AppendPart(std::string& out, T number) {
  out.append(std::to_string(number));
}

// All parts, text and whole numbers, one after the other.
template <class... Parts>
std::string Cat(const Parts&... parts) {
  std::string out;
  (AppendPart(out, parts), ...);
  return out;
}

}  // namespace k8sgw
