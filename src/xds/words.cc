#include "src/xds/words.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "src/xds/engine.h"

namespace k8sgw::xds {
namespace {

// Whether a name goes on at this place. A full stop may also end a sentence.
bool IsInName(std::string_view words, size_t at) {
  if (at >= words.size()) return false;
  const char c = words[at];
  if (c == '.' || c == '/' || c == '~') return at + 1 < words.size() && absl::ascii_isalnum(words[at + 1]);
  return absl::ascii_isalnum(c) || c == '_' || c == '-';
}

// Envoy cuts its words after 4096 bytes and says so; what is much longer is not from Envoy, and is cut here.
constexpr size_t kMostWords = 16 << 10;

}  // namespace

bool IsNamedIn(std::string_view words, std::string_view name) {
  if (name.empty()) return false;
  for (size_t at = words.find(name); at != words.npos; at = words.find(name, at + 1)) {
    if (!IsInName(words, at - 1) && !IsInName(words, at + name.size())) return true;
  }
  return false;
}

std::vector<std::string> NamedIn(const std::string& words, const std::vector<std::string>& candidates) {
  std::vector<std::string> named;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(named),
               [&](const std::string& name) { return IsNamedIn(words, name); });
  return named;
}

std::string Shortened(const std::string& words) {
  return words.size() <= kMostWords ? words : words.substr(0, kMostWords) + std::string(kCutMark);
}

}  // namespace k8sgw::xds
