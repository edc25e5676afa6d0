// String literals of Go, as its templates and the downward API write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace k8sgw::bootstrap {

// Reads the literal that `text` begins with, "in quotes" or `as it is`, and takes it off `text`. nullopt when there is
// none, or when it does not end, or has an escape that Go does not know.
std::optional<std::string> TakeString(std::string_view& text);

}  // namespace k8sgw::bootstrap
