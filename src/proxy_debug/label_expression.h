// Label selectors as one text, by the grammar of Kubernetes: "app=web,tier!=db,env in (a,b),!legacy,weight>5".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/model/resource.h"

namespace k8sgw::proxy_debug {

class LabelExpression {
 public:
  // "" selects everything. Errors: InvalidArgument, with what is wrong and where.
  static absl::StatusOr<LabelExpression> Parse(std::string_view text);

  // All requirements hold. Who has no such label is "not" anything.
  bool Selects(const Labels& labels) const;

 private:
  enum class Operator { kIn, kNotIn, kExists, kAbsent, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;
    int64_t number = 0;  // of kGreater and kLess
  };
  class Parser;

  static bool Holds(const Requirement& requirement, const Labels& labels);

  std::vector<Requirement> requirements_;
};

}  // namespace k8sgw::proxy_debug
