#include "src/wasm_cache/challenge.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr std::string_view kSpace = " \t";

// Reads `scheme name=value, name="value", scheme …`: several challenges may stand in one header.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::vector<Challenge> All() {
    std::vector<Challenge> all;
    while (true) {
      Skip(" \t,");
      const std::string_view word = TakeWord();
      if (word.empty()) return all;
      Skip(kSpace);
      if (!rest_.starts_with('=')) {
        all.emplace_back();
        if (Is(word, "Bearer")) all.back().scheme = Challenge::Scheme::kBearer;
        if (Is(word, "Basic")) all.back().scheme = Challenge::Scheme::kBasic;
        continue;
      }
      rest_.remove_prefix(1);
      Skip(kSpace);
      std::string value = TakeValue();
      if (all.empty()) continue;
      if (Is(word, "realm")) all.back().realm = std::move(value);
      if (Is(word, "service")) all.back().service = std::move(value);
      if (Is(word, "scope")) all.back().scope = std::move(value);
    }
  }

 private:
  static bool Is(std::string_view word, const char* name) {
    return absl::EqualsIgnoreCase(absl::string_view(word.data(), word.size()), name);
  }

  void Skip(std::string_view chars) { rest_.remove_prefix(std::min(rest_.find_first_not_of(chars), rest_.size())); }

  std::string_view TakeWord() {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(" \t,=\""));
    rest_.remove_prefix(word.size());
    // Something that is neither a word nor a separator would be read for ever.
    if (word.empty()) rest_ = {};
    return word;
  }

  std::string TakeValue() {
    if (!rest_.starts_with('"')) {
      const std::string_view word = rest_.substr(0, rest_.find_first_of(" \t,"));
      rest_.remove_prefix(word.size());
      return std::string(word);
    }
    std::string value;
    for (rest_.remove_prefix(1); !rest_.empty() && rest_.front() != '"'; rest_.remove_prefix(1)) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      value.push_back(rest_.front());
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
};

}  // namespace

Challenge ParseChallenges(const std::vector<std::string>& headers) {
  Challenge best;
  for (const std::string& header : headers) {
    for (Challenge& challenge : Reader(header).All()) {
      if (challenge.scheme == Challenge::Scheme::kBearer && challenge.realm.empty()) continue;
      if (challenge.scheme > best.scheme) best = std::move(challenge);
    }
  }
  return best;
}

}  // namespace k8sgw::wasm_cache
