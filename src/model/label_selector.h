// Label selectors by the rules of Kubernetes. Three messages of the API have the same shape (for VirtualServices, for
// RouteTables and for MatchableGateways); all are read into Requirements.
#pragma once

#include <string>
#include <vector>

#include "src/model/resource.h"

namespace k8sgw {

// The numbers are those of the published enums.
enum class Operator {
  kEquals = 0,
  kDoubleEquals = 1,
  kNotEquals = 2,
  kIn = 3,
  kNotIn = 4,
  kExists = 5,
  kDoesNotExist = 6,
  kGreaterThan = 7,
  kLessThan = 8,
};

struct Requirement {
  std::string key;
  Operator op{};
  std::vector<std::string> values;

  bool operator==(const Requirement&) const = default;
};

// "" when the requirement makes sense, else what is wrong with it.
std::string CheckRequirement(const Requirement& requirement);

// The requirement must have passed CheckRequirement.
bool Matches(const Requirement& requirement, const Labels& labels);
bool MatchesAll(const std::vector<Requirement>& requirements, const Labels& labels);
// Whether each of `wanted` is among `labels`.
bool HasLabels(const Labels& labels, const Labels& wanted);

// `Expressions` is the repeated field of any of the three messages.
template <class Expressions>
std::vector<Requirement> ReadRequirements(const Expressions& expressions) {
  std::vector<Requirement> requirements;
  for (const auto& expression : expressions) {
    requirements.push_back({expression.key(),
                            static_cast<Operator>(expression.operator_()),
                            {expression.values().begin(), expression.values().end()}});
  }
  return requirements;
}

}  // namespace k8sgw
