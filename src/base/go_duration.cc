#include "src/base/go_duration.h"

#include <array>
#include <cstdint>
#include <utility>

namespace k8sgw {
namespace {

__extension__ using Int128 = __int128;

constexpr Int128 kSecond = 1'000'000'000;
// Exclusive.
constexpr Int128 kMost = Int128{kMostDurationSeconds} * kSecond;

// The longer names first, as "m" begins "ms".
constexpr std::array<std::pair<std::string_view, int64_t>, 8> kUnits = {{
    {"ns", 1},
    {"us", 1'000},
    {"\xC2\xB5s", 1'000},
    {"\xCE\xBCs", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// One number with its unit, off the front of `text`, in nanoseconds.
bool TakePart(std::string_view& text, Int128& total) {
  Int128 whole = 0;
  Int128 fraction = 0;
  Int128 scale = 1;
  size_t i = 0;
  bool digits = false;
  for (; i < text.size() && IsDigit(text[i]); ++i, digits = true) {
    whole = whole * 10 + (text[i] - '0');
    if (whole > kMost) return false;
  }
  if (i < text.size() && text[i] == '.') {
    for (++i; i < text.size() && IsDigit(text[i]); ++i, digits = true) {
      if (scale >= kSecond * 1'000'000) continue;
      fraction = fraction * 10 + (text[i] - '0');
      scale *= 10;
    }
  }
  if (!digits) return false;
  text.remove_prefix(i);
  for (const auto& [name, nanos] : kUnits) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    total += whole * nanos + fraction * nanos / scale;
    return total < kMost;
  }
  return false;
}

}  // namespace

bool ParseGoDuration(std::string_view text, google::protobuf::Duration* out) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  Int128 total = 0;
  if (text != "0") {
    if (text.empty()) return false;
    while (!text.empty()) {
      if (!TakePart(text, total)) return false;
    }
  }
  if (negative) total = -total;
  out->set_seconds(static_cast<int64_t>(total / kSecond));
  out->set_nanos(static_cast<int32_t>(total % kSecond));
  return true;
}

}  // namespace k8sgw
