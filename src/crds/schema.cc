#include "src/crds/schema.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/kubernetes/schema.proto.h"
#include "src/base/text.h"
#include "src/crds/describe.h"
#include "src/crds/tree.h"

namespace k8sgw::crds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;
using yaml::Node;

constexpr char kKeepUnknown[] = "x-kubernetes-preserve-unknown-fields";

// Messages that are kept as they are: control planes write and read them, people do not, and whole they would make up
// most of the schema.
constexpr std::array<std::string_view, 5> kOpaque = {"core.solo.io.Status", "gloo.solo.io.HttpListener",
                                                     "gloo.solo.io.TcpListener", "gloo.solo.io.HybridListener",
                                                     "gloo.solo.io.AggregateListener"};

bool IsWellKnown(const Descriptor& message) { return message.file()->package() == "google.protobuf"; }

bool IsWrapper(const Descriptor& message) { return message.file()->name() == "google/protobuf/wrappers.proto"; }

bool IsOpaque(const Descriptor& message) {
  return std::find(kOpaque.begin(), kOpaque.end(), message.full_name()) != kOpaque.end();
}

Node Typed(std::string type) {
  Node schema = Mapping();
  Put(schema, "type", Plain(std::move(type)));
  return schema;
}

Node True(std::string key) {
  Node schema = Mapping();
  Put(schema, std::move(key), Plain("true"));
  return schema;
}

Node KeepEverything() {
  Node schema = Typed("object");
  Put(schema, kKeepUnknown, Plain("true"));
  return schema;
}

void Replace(Node& schema, const std::string& key, std::string value) {
  for (Node::Entry& entry : schema.entries) {
    if (entry.key == key) return void(entry.value = Plain(std::move(value)));
  }
  Put(schema, key, Plain(std::move(value)));
}

// Whether the message can contain itself.
bool Contains(const Descriptor& message, const Descriptor& wanted, std::set<const Descriptor*>& seen) {
  for (int i = 0; i < message.field_count(); ++i) {
    const Descriptor* inner = message.field(i)->message_type();
    if (!inner || IsWellKnown(*inner) || IsOpaque(*inner)) continue;
    if (inner == &wanted) return true;
    if (seen.insert(inner).second && Contains(*inner, wanted, seen)) return true;
  }
  return false;
}

bool ContainsItself(const Descriptor& message) {
  std::set<const Descriptor*> seen;
  return Contains(message, message, seen);
}

class Builder {
 public:
  explicit Builder(const SchemaOptions& options) : descriptions_(options.descriptions), open_(options.open) {}

  Node Fields(const Descriptor& message) {
    Node schema = Typed("object");
    if (open_) Put(schema, kKeepUnknown, Plain("true"));
    Node properties = Mapping();
    Node required = Sequence(std::array<std::string, 0>());
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      if (field.message_type() && field.message_type()->full_name() == "core.solo.io.Metadata") continue;
      Put(properties, field.json_name(), Field(field));
      if (field.options().GetExtension(kubernetes::k8sgateway::rules).required()) {
        required.items.push_back(Text(field.json_name()));
      }
    }
    if (!required.items.empty()) Put(schema, "required", std::move(required));
    if (!properties.entries.empty()) Put(schema, "properties", std::move(properties));
    for (int i = 0; i < message.real_oneof_decl_count(); ++i) AddRule(*message.oneof_decl(i), schema);
    return schema;
  }

 private:
  Node Field(const FieldDescriptor& field) {
    Node schema;
    if (field.is_map()) {
      schema = Typed("object");
      Put(schema, "additionalProperties", Value(*field.message_type()->map_value()));
    } else if (field.is_repeated()) {
      schema = Typed("array");
      Put(schema, "items", Value(field));
    } else {
      schema = Value(field);
    }
    AddRules(field.options().GetExtension(kubernetes::k8sgateway::rules), schema);
    if (open_ && !schema.Find("nullable") && schema.Find("type")) Put(schema, "nullable", Plain("true"));
    if (descriptions_) {
      std::string text = Describe(field);
      if (!text.empty()) schema.entries.insert(schema.entries.begin(), {"description", {}, Text(std::move(text))});
    }
    return schema;
  }

  static void AddRules(const kubernetes::k8sgateway::FieldRules& rules, Node& schema) {
    if (rules.has_minimum()) Replace(schema, "minimum", std::to_string(rules.minimum()));
    if (rules.has_maximum()) Replace(schema, "maximum", std::to_string(rules.maximum()));
    if (rules.has_max_length()) Replace(schema, "maxLength", std::to_string(rules.max_length()));
    if (rules.has_max_items()) Replace(schema, "maxItems", std::to_string(rules.max_items()));
  }

  // A rule in CEL: exactly one of the fields is there.
  static void AddRule(const OneofDescriptor& choice, Node& schema) {
    if (!choice.options().GetExtension(kubernetes::k8sgateway::exactly_one)) return;
    std::string given;
    std::string names;
    for (int i = 0; i < choice.field_count(); ++i) {
      const std::string& name = choice.field(i)->json_name();
      given += Cat(i == 0 ? "has(self." : ", has(self.", name, ")");
      names += Cat(i == 0 ? "" : " or ", name);
    }
    Node rule = Mapping();
    Put(rule, "rule", Text(Cat("[", given, "].exists_one(given, given)")));
    Put(rule, "message", Text(Cat("give either ", names)));
    Node rules;
    rules.kind = Node::Kind::kSequence;
    rules.items.push_back(std::move(rule));
    Put(schema, "x-kubernetes-validations", std::move(rules));
  }

  // One value of the field: itself, an item of a list or a value of a map.
  Node Value(const FieldDescriptor& field) {
    switch (field.type()) {
      case FieldDescriptor::TYPE_BOOL: return Typed("boolean");
      case FieldDescriptor::TYPE_STRING: return Typed("string");
      case FieldDescriptor::TYPE_FLOAT:
      case FieldDescriptor::TYPE_DOUBLE: return Typed("number");
      case FieldDescriptor::TYPE_BYTES: {
        Node schema = Typed("string");
        Put(schema, "format", Plain("byte"));
        return schema;
      }
      case FieldDescriptor::TYPE_MESSAGE: return Message(*field.message_type());
      default: break;
    }
    if (field.type() == FieldDescriptor::TYPE_ENUM) return OrText(Typed("string"));
    return open_ ? OrText(Typed("integer")) : Number(field);
  }

  static Node Number(const FieldDescriptor& field) {
    Node schema = Typed("integer");
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: Put(schema, "format", Plain("int32")); return schema;
      case FieldDescriptor::CPPTYPE_UINT32:
        Put(schema, "minimum", Plain("0"));
        Put(schema, "maximum", Plain(std::to_string(std::numeric_limits<uint32_t>::max())));
        return schema;
      default: Put(schema, "format", Plain("int64")); return OrText(std::move(schema));
    }
  }

  // Makes the API server take both integers and text; the type remains what `kubectl explain` shows.
  static Node OrText(Node schema) {
    Put(schema, "x-kubernetes-int-or-string", Plain("true"));
    return schema;
  }

  Node Message(const Descriptor& message) {
    if (IsWellKnown(message)) return WellKnown(message);
    if (IsOpaque(message) || std::find(path_.begin(), path_.end(), &message) != path_.end()) return KeepEverything();
    const bool open = open_;
    open_ = open_ || ContainsItself(message);
    path_.push_back(&message);
    Node schema = Fields(message);
    path_.pop_back();
    open_ = open;
    return schema;
  }

  Node WellKnown(const Descriptor& message) {
    const std::string& name = message.name();
    if (IsWrapper(message)) {
      Node schema = Value(*message.field(0));
      Put(schema, "nullable", Plain("true"));
      return schema;
    }
    if (name == "Value") return True(kKeepUnknown);
    if (name == "ListValue") {
      Node schema = Typed("array");
      Put(schema, "items", True(kKeepUnknown));
      return schema;
    }
    if (name == "Struct" || name == "Any") return KeepEverything();
    if (name == "Empty") return Typed("object");
    // Duration, Timestamp and FieldMask.
    return Typed("string");
  }

  const bool descriptions_;
  bool open_;
  // The messages around the one that is worked on.
  std::vector<const Descriptor*> path_;
};

}  // namespace

yaml::Node SchemaOf(const Descriptor& message, const SchemaOptions& options) {
  return Builder(options).Fields(message);
}

}  // namespace k8sgw::crds
