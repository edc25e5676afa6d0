// JSON texts as trees, for what comes from API servers: fast, and without places.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw::yaml {

// Bytes behind a text that must be readable (they are not looked at for what they say).
inline constexpr size_t kJsonPadding = 64;

// A text with that padding.
class Padded {
 public:
  explicit Padded(std::string text) : text_(std::move(text)), size_(text_.size()) { text_.append(kJsonPadding, '\0'); }
  // The text without it.
  std::string_view view() const { return std::string_view(text_).substr(0, size_); }

 private:
  std::string text_;
  size_t size_;
};

// Says which fields of mappings are left out: `parent` is the key of the mapping, "" at the top.
using SkipField = bool (*)(int depth, std::string_view parent, std::string_view key);

// Reads one value. Marks are all unknown; numbers keep their text. The bounds on depth and nodes are those of Parse.
// Errors: DataLoss for what is no JSON, has a key twice, or is beyond a bound.
absl::StatusOr<Node> FromJson(std::string_view padded, SkipField skip = nullptr);

}  // namespace k8sgw::yaml
