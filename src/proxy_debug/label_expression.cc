#include "src/proxy_debug/label_expression.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "src/base/printable.h"
#include "src/base/text.h"

namespace k8sgw::proxy_debug {
namespace {

// Far more than anybody writes by hand.
constexpr size_t kMostBytes = 16 << 10;
constexpr size_t kMostShown = 40;
constexpr size_t kMostOfName = 63;
constexpr size_t kMostOfPrefix = 253;

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsSpace(char c) { return c == ' ' || c == '\t'; }
// Of keys, values and the words "in" and "notin".
bool IsOfWord(char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; }

bool IsName(std::string_view text, size_t most) {
  return !text.empty() && text.size() <= most && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         text.find('/') == std::string_view::npos;
}

bool IsKey(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return IsName(text, kMostOfName);
  return IsName(text.substr(0, slash), kMostOfPrefix) && IsName(text.substr(slash + 1), kMostOfName);
}

bool IsValue(std::string_view text) { return text.empty() || IsName(text, kMostOfName); }

std::optional<int64_t> Number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

class LabelExpression::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::Status ParseAll(std::vector<Requirement>& out) {
    SkipSpaces();
    if (AtEnd()) return absl::OkStatus();
    while (true) {
      Requirement requirement;
      if (absl::Status status = ParseOne(requirement); !status.ok()) return status;
      out.push_back(std::move(requirement));
      SkipSpaces();
      if (AtEnd()) return absl::OkStatus();
      if (!Take(",")) return Wrong("a comma is missing");
    }
  }

 private:
  absl::Status ParseOne(Requirement& out) {
    SkipSpaces();
    const bool absent = Take("!");
    SkipSpaces();
    out.key = Word();
    if (!IsKey(out.key)) return Wrong("a key of a label is missing");
    if (absent) {
      out.op = Operator::kAbsent;
      return absl::OkStatus();
    }
    SkipSpaces();
    if (AtEnd() || text_[at_] == ',') {
      out.op = Operator::kExists;
      return absl::OkStatus();
    }
    if (Take("!=")) return ParseValue(out, Operator::kNotIn);
    if (Take("==") || Take("=")) return ParseValue(out, Operator::kIn);
    if (Take(">")) return ParseNumber(out, Operator::kGreater);
    if (Take("<")) return ParseNumber(out, Operator::kLess);
    const std::string word = Word();
    if (word == "in") return ParseValues(out, Operator::kIn);
    if (word == "notin") return ParseValues(out, Operator::kNotIn);
    return Wrong("one of = == != in notin > < is missing");
  }

  absl::Status ParseValue(Requirement& out, Operator op) {
    out.op = op;
    SkipSpaces();
    out.values = {Word()};
    return IsValue(out.values.front()) ? absl::OkStatus() : Wrong("that is no value of a label");
  }

  absl::Status ParseNumber(Requirement& out, Operator op) {
    if (absl::Status status = ParseValue(out, op); !status.ok()) return status;
    const std::optional<int64_t> number = Number(out.values.front());
    if (!number) return Wrong("a whole number is missing");
    out.number = *number;
    return absl::OkStatus();
  }

  absl::Status ParseValues(Requirement& out, Operator op) {
    out.op = op;
    SkipSpaces();
    if (!Take("(")) return Wrong("( is missing");
    while (true) {
      SkipSpaces();
      out.values.push_back(Word());
      if (!IsValue(out.values.back())) return Wrong("that is no value of a label");
      SkipSpaces();
      if (Take(")")) return absl::OkStatus();
      if (!Take(",")) return Wrong(") is missing");
    }
  }

  bool AtEnd() const { return at_ == text_.size(); }
  void SkipSpaces() {
    while (!AtEnd() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  std::string Word() {
    const size_t begin = at_;
    while (!AtEnd() && IsOfWord(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  absl::Status Wrong(std::string_view what) const {
    return absl::InvalidArgumentError(Cat("expression_selector: ", what, " before \"",
                                          Printable(std::string(text_.substr(at_, kMostShown))), "\", at character ",
                                          at_ + 1, ": write it as in \"a=b,c!=d,e in (f,g),!h\""));
  }

  const std::string_view text_;
  size_t at_ = 0;
};

absl::StatusOr<LabelExpression> LabelExpression::Parse(std::string_view text) {
  if (text.size() > kMostBytes) return absl::InvalidArgumentError("expression_selector: is too long");
  LabelExpression expression;
  if (absl::Status status = Parser(text).ParseAll(expression.requirements_); !status.ok()) return status;
  return expression;
}

bool LabelExpression::Selects(const Labels& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(),
                     [&](const Requirement& requirement) { return Holds(requirement, labels); });
}

bool LabelExpression::Holds(const Requirement& requirement, const Labels& labels) {
  const auto found = labels.find(requirement.key);
  const bool has = found != labels.end();
  const auto is_listed = [&] {
    return has &&
           std::find(requirement.values.begin(), requirement.values.end(), found->second) != requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kIn: return is_listed();
    case Operator::kNotIn: return !is_listed();
    case Operator::kExists: return has;
    case Operator::kAbsent: return !has;
    case Operator::kGreater:
    case Operator::kLess: {
      const std::optional<int64_t> number = has ? Number(found->second) : std::nullopt;
      if (!number) return false;
      return requirement.op == Operator::kGreater ? *number > requirement.number : *number < requirement.number;
    }
  }
  return false;
}

}  // namespace k8sgw::proxy_debug
