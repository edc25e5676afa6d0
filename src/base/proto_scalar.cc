#include "src/base/proto_scalar.h"

#include <google/protobuf/descriptor.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "src/base/base64.h"
#include "src/base/nearest.h"
#include "src/base/text.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using yaml::Node;
using Result = std::optional<ScalarProblem>;

template <class T>
Result ReadInteger(const Node& node, T* out) {
  const auto integer = yaml::ParseInteger(node.scalar);
  if (!integer) return ScalarProblem{Cat("\"", node.scalar, "\" is no whole number"), "write it with digits only"};
  constexpr auto kMost = static_cast<unsigned long long>(std::numeric_limits<T>::max());
  const unsigned long long limit = !integer->negative ? kMost : std::is_signed_v<T> ? kMost + 1 : 0;
  if (integer->magnitude > limit) {
    return ScalarProblem{Cat(node.scalar, " is out of range"),
                         Cat("use ", std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max())};
  }
  // Conversion is modulo 2^n, so the negation of the magnitude is the number itself.
  *out = static_cast<T>(integer->negative ? 0 - integer->magnitude : integer->magnitude);
  return std::nullopt;
}

// NaN and Infinity are protobuf's words; YAML's own begin with a dot.
Result ReadNumber(const Node& node, double most, double* out) {
  auto value = yaml::ParseNumber(node.scalar);
  if (!value && node.scalar == "NaN") value = std::nan("");
  if (!value && node.scalar == "Infinity") value = HUGE_VAL;
  if (!value && node.scalar == "-Infinity") value = -HUGE_VAL;
  if (!value) return ScalarProblem{Cat("\"", node.scalar, "\" is no number"), "write it like 1.5"};
  if (std::isfinite(*value) && std::abs(*value) > most)
    return ScalarProblem{Cat(node.scalar, " is out of range"), "write a smaller number"};
  *out = *value;
  return std::nullopt;
}

Result ReadBool(const Node& node, bool* out) {
  const bool other_text = node.quoted && node.scalar != "true" && node.scalar != "false";
  const auto value = other_text ? std::nullopt : yaml::ParseBool(node.scalar);
  if (!value) return ScalarProblem{Cat("\"", node.scalar, "\" is no boolean"), "write true or false"};
  *out = *value;
  return std::nullopt;
}

Result ReadText(const Node& node, bool base64, std::string* out) {
  const auto type = node.quoted ? yaml::ScalarType::kString : yaml::ClassifyPlain(node.scalar);
  // A lone y or n is a boolean only where text makes no sense: too many things have such a name.
  const bool letter = type == yaml::ScalarType::kBool && node.scalar.size() == 1;
  if (type != yaml::ScalarType::kString && !letter) {
    const std::string_view word = type == yaml::ScalarType::kBool ? "boolean" : "number";
    return ScalarProblem{Cat("expected text, but ", node.scalar, " is a ", word),
                         Cat("put it in quotes: \"", node.scalar, "\"")};
  }
  if (!base64) {
    *out = node.scalar;
  } else if (!DecodeBase64(node.scalar, out)) {
    return ScalarProblem{"is no base64", "encode it with: base64 -w0"};
  }
  return std::nullopt;
}

Result ReadEnum(const Node& node, const EnumDescriptor* type, const EnumValueDescriptor** out) {
  *out = type->FindValueByName(node.scalar);
  if (*out) return std::nullopt;
  const auto number = yaml::ParseInteger(node.scalar);
  if (number && !number->negative && number->magnitude <= INT32_MAX) {
    *out = type->FindValueByNumber(static_cast<int>(number->magnitude));
    if (*out) return std::nullopt;
  }
  std::vector<std::string> names;
  std::string all;
  for (int i = 0; i < type->value_count(); ++i) {
    names.push_back(type->value(i)->name());
    all += Cat(i == 0 ? "" : ", ", type->value(i)->name());
  }
  const std::string nearest = Nearest(node.scalar, names);
  return ScalarProblem{Cat("\"", node.scalar, "\" is not one of ", all),
                       nearest.empty() ? "write one of them" : Cat("did you mean \"", nearest, "\"?")};
}

}  // namespace

std::optional<ScalarProblem> DecodeScalar(const Node& node, bool add, const FieldDescriptor* field, Message* message) {
  const Reflection* reflection = message->GetReflection();
  Result problem;
  // Reads a value with `read` and puts it into the field, unless there is a problem.
  const auto transfer = [&](auto value, auto read, auto set, auto append) {
    problem = read(&value);
    if (!problem) (reflection->*(add ? append : set))(message, field, std::move(value));
  };
  const auto integer = [&](auto* out) { return ReadInteger(node, out); };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      transfer(int32_t{}, integer, &Reflection::SetInt32, &Reflection::AddInt32);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      transfer(int64_t{}, integer, &Reflection::SetInt64, &Reflection::AddInt64);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      transfer(uint32_t{}, integer, &Reflection::SetUInt32, &Reflection::AddUInt32);
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      transfer(uint64_t{}, integer, &Reflection::SetUInt64, &Reflection::AddUInt64);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      transfer(false, [&](bool* out) { return ReadBool(node, out); }, &Reflection::SetBool, &Reflection::AddBool);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      transfer(
          0.0, [&](double* out) { return ReadNumber(node, HUGE_VAL, out); }, &Reflection::SetDouble,
          &Reflection::AddDouble);
      break;
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const auto read = [&](float* out) {
        double value = 0;
        Result bad = ReadNumber(node, std::numeric_limits<float>::max(), &value);
        if (!bad) *out = static_cast<float>(value);
        return bad;
      };
      transfer(0.0f, read, &Reflection::SetFloat, &Reflection::AddFloat);
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value = nullptr;
      const auto read = [&](const EnumValueDescriptor** out) { return ReadEnum(node, field->enum_type(), out); };
      transfer(value, read, &Reflection::SetEnum, &Reflection::AddEnum);
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const auto read = [&](std::string* out) {
        return ReadText(node, field->type() == FieldDescriptor::TYPE_BYTES, out);
      };
      transfer(std::string(), read, &Reflection::SetString, &Reflection::AddString);
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
  return problem;
}

}  // namespace k8sgw
