#include <algorithm>
#include <array>

#include "tests/crds/check.h"

namespace k8sgw::crds {
namespace {

using yaml::Node;

// The words that our schemas use. Others are forbidden in structural schemas ($ref, uniqueItems, …), or nobody has
// checked yet that they are used well.
constexpr std::array<std::string_view, 17> kWords = {"description",
                                                     "type",
                                                     "format",
                                                     "properties",
                                                     "additionalProperties",
                                                     "items",
                                                     "required",
                                                     "nullable",
                                                     "default",
                                                     "minimum",
                                                     "maximum",
                                                     "maxLength",
                                                     "maxItems",
                                                     "enum",
                                                     "x-kubernetes-preserve-unknown-fields",
                                                     "x-kubernetes-int-or-string",
                                                     "x-kubernetes-validations"};
constexpr std::array<std::string_view, 6> kTypes = {"object", "array", "string", "integer", "number", "boolean"};

template <class List>
bool IsIn(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

class Checker {
 public:
  std::vector<std::string> faults;

  void Check(const Node& schema, const std::string& path) {
    if (!schema.is_mapping()) return Fault(path, "is no schema");
    for (const auto& entry : schema.entries) {
      if (!IsIn(kWords, entry.key)) Fault(path, "uses " + entry.key);
    }
    Type(schema, path);
    const std::string_view type = schema.FindScalar("type");
    const Node* properties = schema.Find("properties");
    const Node* additional = schema.Find("additionalProperties");
    if (properties && additional) Fault(path, "has both properties and additionalProperties");
    if ((properties || additional || schema.Find("required")) && type != "object") Fault(path, "is no object");
    if ((schema.Find("items") != nullptr) != (type == "array")) Fault(path, "items and arrays go together");
    const Node* description = schema.Find("description");
    if (description && (!description->is_scalar() || description->scalar.empty())) Fault(path, "has no description");
    if (const Node* required = schema.Find("required")) Required(*required, properties, path);
    if (properties) {
      for (const auto& entry : properties->entries)
        Check(entry.value, path.empty() ? entry.key : path + "." + entry.key);
    }
    if (additional) Check(*additional, path + "{}");
    if (const Node* items = schema.Find("items")) Check(*items, path + "[]");
    if (const Node* value = schema.Find("default")) {
      for (const std::string& fault : ObjectFaults(*value, schema)) Fault(path, "the default does not fit: " + fault);
    }
  }

 private:
  void Fault(const std::string& path, const std::string& what) { faults.push_back(path + ": " + what); }

  void Type(const Node& schema, const std::string& path) {
    const std::string_view type = schema.FindScalar("type");
    const bool keeps = schema.Find("x-kubernetes-preserve-unknown-fields") != nullptr;
    const bool either = schema.Find("x-kubernetes-int-or-string") != nullptr;
    if (type.empty() && !keeps && !either) Fault(path, "has no type");
    if (!type.empty() && !IsIn(kTypes, type)) Fault(path, "has a type that does not exist");
    if (!type.empty() && either && type != "integer" && type != "string") {
      Fault(path, "is an integer or a string, but has another type");
    }
    if (keeps && either) Fault(path, "is an integer or a string, and keeps fields");
    if (keeps && !type.empty() && type != "object") Fault(path, "keeps fields, but is no object");
  }

  void Required(const Node& required, const Node* properties, const std::string& path) {
    for (const Node& name : required.items) {
      if (!properties || !properties->Find(name.scalar))
        Fault(path, "requires " + name.scalar + ", which is not there");
    }
  }
};

}  // namespace

std::vector<std::string> SchemaFaults(const Node& schema) {
  Checker checker;
  checker.Check(schema, "");
  if (schema.FindScalar("type") != "object") checker.faults.push_back("the root is no object");
  for (const char* field : {"apiVersion", "kind", "metadata"}) {
    // The API server brings them, and forbids most of what could be said of them.
    const Node* properties = schema.Find("properties");
    if (properties && properties->Find(field)) checker.faults.push_back(std::string(field) + ": is the API server's");
  }
  return std::move(checker.faults);
}

}  // namespace k8sgw::crds
