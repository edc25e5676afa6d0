// Regular expressions, checked by RE2, which is what Envoy runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace k8sgw::gateway {

// "" when RE2 accepts `regex` and its program is not larger than `max_program_size`, else what is wrong.
std::string CheckRegex(std::string_view regex, std::optional<uint32_t> max_program_size);

}  // namespace k8sgw::gateway
