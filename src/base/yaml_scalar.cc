#include "src/base/yaml_scalar.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace k8sgw::yaml {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// YAML knows three ways to write a word: lower case, upper case, and a capital in front.
bool IsWord(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  bool is_lower = true;
  bool is_upper = true;
  bool is_capital = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char upper = static_cast<char>(lower[i] & ~0x20);
    is_lower = is_lower && text[i] == lower[i];
    is_upper = is_upper && text[i] == upper;
    is_capital = is_capital && text[i] == (i == 0 ? upper : lower[i]);
  }
  return is_lower || is_upper || is_capital;
}

// .inf, .Inf or .INF.
bool IsInfinity(std::string_view text) { return text.size() == 4 && text[0] == '.' && IsWord(text.substr(1), "inf"); }

bool IsNan(std::string_view text) { return text == ".nan" || text == ".NaN" || text == ".NAN"; }

bool IsNull(std::string_view text) { return text.empty() || text == "~" || IsWord(text, "null"); }

// Digits of base 16, 8 or 2 after their prefix; 0 when there is no prefix.
int PrefixBase(std::string_view digits) {
  if (digits.size() < 3 || digits[0] != '0') return 0;
  switch (digits[1]) {
    case 'x':
    case 'X': return 16;
    case 'o':
    case 'O': return 8;
    case 'b':
    case 'B': return 2;
    default: return 0;
  }
}

std::string_view WithoutSign(std::string_view text, bool* negative) {
  *negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text;
}

// Removes `_` between digits, as in 1_000.
std::string_view WithoutUnderscores(std::string_view text, std::string* buffer) {
  if (text.find('_') == std::string_view::npos) return text;
  for (char c : text) {
    if (c != '_') buffer->push_back(c);
  }
  return *buffer;
}

// digits [. digits] [e digits], at least one digit before the exponent, nothing else.
bool IsDecimal(std::string_view text, bool* integral) {
  size_t i = 0;
  size_t digits = 0;
  *integral = true;
  while (i < text.size() && IsDigit(text[i])) ++i, ++digits;
  if (i < text.size() && text[i] == '.') {
    *integral = false;
    ++i;
    while (i < text.size() && IsDigit(text[i])) ++i, ++digits;
  }
  if (digits == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    *integral = false;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (i == text.size()) return false;
    while (i < text.size() && IsDigit(text[i])) ++i;
  }
  return i == text.size();
}

// Digits of one of the prefixed bases only.
bool IsPrefixed(std::string_view digits) {
  const int base = PrefixBase(digits);
  if (base == 0) return false;
  for (char c : digits.substr(2)) {
    const int value = IsDigit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
    if (value >= base) return false;
  }
  return true;
}

// 0755: digits of base 8 after a zero, as YAML 1.1 writes them.
bool IsOctal(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of("01234567") == std::string_view::npos;
}

// The value of a text for which IsDecimal holds; nullopt when it is too large. What is too small is 0.
std::optional<double> DecimalValue(std::string_view digits) {
  double value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc()) return value;
  const size_t exponent = digits.find_first_of("eE");
  const bool small = exponent != std::string_view::npos && digits.substr(exponent + 1).starts_with('-');
  return small ? std::optional<double>(0) : std::nullopt;
}

bool MayStartNumber(std::string_view text) {
  return !text.empty() && (IsDigit(text[0]) || text[0] == '-' || text[0] == '+' || text[0] == '.');
}

bool IsDateLike(std::string_view text) {
  if (text.size() < 8) return false;
  for (int i = 0; i < 4; ++i) {
    if (!IsDigit(text[i])) return false;
  }
  return text[4] == '-' && IsDigit(text[5]) && text.find('-', 5) != std::string_view::npos;
}

// 1:30 and 12:30:45.5, which YAML 1.1 reads as numbers of base 60.
bool IsBase60(std::string_view text) {
  bool colon = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':') {
      colon = true;
    } else if (!IsDigit(c) && c != '.' && c != '_' && !(i == 0 && (c == '-' || c == '+'))) {
      return false;
    }
  }
  return colon;
}

}  // namespace

ScalarType ClassifyPlain(std::string_view text) {
  if (IsNull(text)) return ScalarType::kNull;
  if (!MayStartNumber(text)) return ParseBool(text) ? ScalarType::kBool : ScalarType::kString;
  bool negative;
  std::string_view digits = WithoutSign(text, &negative);
  if (IsInfinity(digits) || IsNan(text)) return ScalarType::kFloat;
  if (digits.empty() || digits[0] == '_') return ScalarType::kString;
  std::string buffer;
  digits = WithoutUnderscores(digits, &buffer);
  // What no number can hold stays text.
  if (IsPrefixed(digits)) return ParseInteger(digits) ? ScalarType::kInt : ScalarType::kString;
  bool integral;
  if (!IsDecimal(digits, &integral) || !DecimalValue(digits)) return ScalarType::kString;
  return integral ? ScalarType::kInt : ScalarType::kFloat;
}

std::optional<bool> ParseBool(std::string_view text) {
  for (std::string_view word : {"true", "yes", "on", "y"}) {
    if (IsWord(text, word)) return true;
  }
  for (std::string_view word : {"false", "no", "off", "n"}) {
    if (IsWord(text, word)) return false;
  }
  return std::nullopt;
}

std::optional<double> ParseNumber(std::string_view text) {
  const ScalarType type = MayStartNumber(text) ? ClassifyPlain(text) : ScalarType::kString;
  if (type != ScalarType::kInt && type != ScalarType::kFloat) return std::nullopt;
  bool negative;
  std::string_view digits = WithoutSign(text, &negative);
  double value = 0;
  if (IsInfinity(digits)) {
    value = std::numeric_limits<double>::infinity();
  } else if (IsNan(text)) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    std::string buffer;
    digits = WithoutUnderscores(digits, &buffer);
    // Whole numbers of more than 64 bits are decimal, and lose digits.
    if (const std::optional<Integer> integer = ParseInteger(digits)) {
      value = static_cast<double>(integer->magnitude);
    } else if (const std::optional<double> decimal = DecimalValue(digits)) {
      value = *decimal;
    } else {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

std::optional<Integer> ParseInteger(std::string_view text) {
  Integer out;
  std::string_view digits = WithoutSign(text, &out.negative);
  std::string buffer;
  digits = WithoutUnderscores(digits, &buffer);
  int base = 10;
  bool integral;
  if (IsPrefixed(digits)) {
    base = PrefixBase(digits);
    digits.remove_prefix(2);
  } else if (IsOctal(digits)) {
    base = 8;
  } else if (!IsDecimal(digits, &integral)) {
    return std::nullopt;
  } else if (!integral) {
    const std::optional<double> value = DecimalValue(digits);
    // Beyond 2^53 a fraction no longer says which integer was meant.
    if (!value || *value != std::floor(*value) || *value > 9007199254740992.0) return std::nullopt;
    out.magnitude = static_cast<unsigned long long>(*value);
    return out;
  }
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, out.magnitude, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return out;
}

bool LooksTyped(std::string_view text) {
  if (text == "<<" || text == "=") return true;
  if (ClassifyPlain(text) != ScalarType::kString) return true;
  return MayStartNumber(text) && (IsDateLike(text) || IsBase60(text));
}

}  // namespace k8sgw::yaml
