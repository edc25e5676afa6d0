#include "src/model/label_selector.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace k8sgw {
namespace {

constexpr size_t kMaxName = 63;
constexpr size_t kMaxPrefix = 253;

// Letters, digits and, except at both ends, the characters of `inside`.
bool IsName(std::string_view text, std::string_view inside, size_t max) {
  if (text.empty() || text.size() > max) return false;
  const auto is_outer = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); };
  return is_outer(text.front()) && is_outer(text.back()) && std::all_of(text.begin(), text.end(), [&](char c) {
           return is_outer(c) || inside.find(c) != std::string_view::npos;
         });
}

bool IsLabelKey(std::string_view key) {
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return IsName(key, "-_.", kMaxName);
  return IsName(key.substr(0, slash), "-.", kMaxPrefix) && IsName(key.substr(slash + 1), "-_.", kMaxName);
}

bool IsInteger(const std::string& text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number);
}

std::string CheckCount(const Requirement& requirement) {
  const size_t count = requirement.values.size();
  switch (requirement.op) {
    case Operator::kEquals:
    case Operator::kDoubleEquals:
    case Operator::kNotEquals: return count == 1 ? "" : "Equals, DoubleEquals and NotEquals need exactly one value";
    case Operator::kIn:
    case Operator::kNotIn: return count > 0 ? "" : "In and NotIn need at least one value";
    case Operator::kExists:
    case Operator::kDoesNotExist: return count == 0 ? "" : "Exists and DoesNotExist take no values";
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      return count == 1 && IsInteger(requirement.values[0]) ? "" : "GreaterThan and LessThan need one integer";
  }
  return "the operator is unknown";
}

}  // namespace

std::string CheckRequirement(const Requirement& requirement) {
  if (!IsLabelKey(requirement.key)) return "the key \"" + requirement.key + "\" is no label key";
  if (std::string problem = CheckCount(requirement); !problem.empty()) return problem;
  for (const std::string& value : requirement.values) {
    if (!value.empty() && !IsName(value, "-_.", kMaxName)) return "the value \"" + value + "\" is no label value";
  }
  return "";
}

bool Matches(const Requirement& requirement, const Labels& labels) {
  const auto label = labels.find(requirement.key);
  const bool exists = label != labels.end();
  const auto is_listed = [&] {
    return exists &&
           std::find(requirement.values.begin(), requirement.values.end(), label->second) != requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kEquals:
    case Operator::kDoubleEquals:
    case Operator::kIn: return is_listed();
    case Operator::kNotEquals:
    case Operator::kNotIn: return !is_listed();
    case Operator::kExists: return exists;
    case Operator::kDoesNotExist: return !exists;
    case Operator::kGreaterThan:
    case Operator::kLessThan: {
      int64_t number = 0;
      int64_t limit = 0;
      if (!exists || !absl::SimpleAtoi(label->second, &number)) return false;
      if (!absl::SimpleAtoi(requirement.values[0], &limit)) return false;
      return requirement.op == Operator::kGreaterThan ? number > limit : number < limit;
    }
  }
  return false;
}

bool MatchesAll(const std::vector<Requirement>& requirements, const Labels& labels) {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const Requirement& requirement) { return Matches(requirement, labels); });
}

bool HasLabels(const Labels& labels, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& pair) {
    const auto label = labels.find(pair.first);
    return label != labels.end() && label->second == pair.second;
  });
}

}  // namespace k8sgw
