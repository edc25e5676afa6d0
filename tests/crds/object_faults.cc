#include <algorithm>
#include <cstdlib>

#include "src/base/base64.h"
#include "src/base/yaml_scalar.h"
#include "tests/crds/check.h"

namespace k8sgw::crds {
namespace {

using yaml::Node;
using yaml::ScalarType;

bool Has(const Node& schema, std::string_view flag) { return schema.FindScalar(flag) == "true"; }

class Checker {
 public:
  std::vector<std::string> faults;

  void Check(const Node& value, const Node& schema, const std::string& path) {
    if (value.is_null()) {
      if (!Has(schema, "nullable")) Fault(path, "is null");
      return;
    }
    const std::string_view type = schema.FindScalar("type");
    if (Has(schema, "x-kubernetes-int-or-string")) {
      const ScalarType scalar = TypeOf(value);
      if (!value.is_scalar() || (scalar != ScalarType::kInt && scalar != ScalarType::kString)) {
        Fault(path, "expected integer or string");
      }
    } else if (type == "object") {
      Object(value, schema, path);
    } else if (type == "array") {
      List(value, schema, path);
    } else if (!type.empty()) {
      Scalar(value, schema, std::string(type), path);
    }
  }

 private:
  static ScalarType TypeOf(const Node& value) {
    return value.quoted ? ScalarType::kString : yaml::ClassifyPlain(value.scalar);
  }

  void Fault(const std::string& path, const std::string& what) { faults.push_back(path + ": " + what); }

  void Object(const Node& value, const Node& schema, const std::string& path) {
    if (!value.is_mapping()) return Fault(path, "expected object");
    const Node* properties = schema.Find("properties");
    const Node* additional = schema.Find("additionalProperties");
    for (const auto& entry : value.entries) {
      const std::string inner = path.empty() ? entry.key : path + "." + entry.key;
      if (const Node* known = properties ? properties->Find(entry.key) : nullptr) {
        Check(entry.value, *known, inner);
      } else if (additional) {
        Check(entry.value, *additional, inner);
      } else if (!Has(schema, "x-kubernetes-preserve-unknown-fields")) {
        Fault(inner, "unknown field");
      }
    }
    const Node* required = schema.Find("required");
    if (!required) return;
    for (const Node& name : required->items) {
      if (!value.Find(name.scalar)) Fault(path, "lacks " + name.scalar);
    }
  }

  void List(const Node& value, const Node& schema, const std::string& path) {
    if (!value.is_sequence()) return Fault(path, "expected array");
    Range(static_cast<double>(value.items.size()), schema, "minItems", "maxItems", path);
    for (size_t i = 0; i < value.items.size(); ++i) {
      Check(value.items[i], *schema.Find("items"), path + "[" + std::to_string(i) + "]");
    }
  }

  void Scalar(const Node& value, const Node& schema, const std::string& type, const std::string& path) {
    const ScalarType found = TypeOf(value);
    const bool fits =
        value.is_scalar() &&
        ((type == "string" && found == ScalarType::kString) || (type == "boolean" && found == ScalarType::kBool) ||
         (type == "integer" && found != ScalarType::kString && yaml::ParseInteger(value.scalar)) ||
         (type == "number" && found == ScalarType::kInt) || (type == "number" && found == ScalarType::kFloat));
    if (!fits) return Fault(path, "expected " + type);
    if (type == "string") {
      Range(static_cast<double>(value.scalar.size()), schema, "minLength", "maxLength", path);
      std::string bytes;
      if (schema.FindScalar("format") == "byte" && !DecodeBase64(value.scalar, &bytes)) Fault(path, "expected base64");
    } else if (type != "boolean") {
      Range(*yaml::ParseNumber(value.scalar), schema, "minimum", "maximum", path);
    }
    if (const Node* values = schema.Find("enum")) {
      const auto same = [&](const Node& one) { return one.scalar == value.scalar; };
      if (std::none_of(values->items.begin(), values->items.end(), same)) Fault(path, "is none of the values");
    }
  }

  void Range(double number, const Node& schema, std::string_view least, std::string_view most,
             const std::string& path) {
    if (schema.Find(least) && number < *yaml::ParseNumber(schema.FindScalar(least))) Fault(path, "is too small");
    if (schema.Find(most) && number > *yaml::ParseNumber(schema.FindScalar(most))) Fault(path, "is too great");
  }
};

}  // namespace

std::vector<std::string> ObjectFaults(const Node& value, const Node& schema) {
  Checker checker;
  checker.Check(value, schema, "");
  return std::move(checker.faults);
}

}  // namespace k8sgw::crds
