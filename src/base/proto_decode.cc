#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "src/base/go_duration.h"
#include "src/base/nearest.h"
#include "src/base/proto_codec.h"
#include "src/base/proto_scalar.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using yaml::Node;

// Fields by both of their names. Kept for the life of the process, as descriptors are.
using FieldIndex = std::unordered_map<std::string, const FieldDescriptor*>;

const FieldIndex& FieldsOf(const Descriptor* descriptor) {
  thread_local std::unordered_map<const Descriptor*, FieldIndex> cache;
  FieldIndex& fields = cache[descriptor];
  if (fields.empty()) {
    for (int i = 0; i < descriptor->field_count(); ++i) {
      fields[descriptor->field(i)->name()] = descriptor->field(i);
      fields[descriptor->field(i)->json_name()] = descriptor->field(i);
    }
  }
  return fields;
}

const char* KindWord(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kScalar: return node.quoted ? "text" : "a plain value";
    case Node::Kind::kSequence: return "a list";
    case Node::Kind::kMapping: return "a mapping";
  }
  return "?";
}

bool IsType(const Descriptor* descriptor, std::string_view name) {
  return descriptor->file()->package() == "google.protobuf" && descriptor->name() == name;
}

bool IsWrapper(const Descriptor* descriptor) { return descriptor->file()->name() == "google/protobuf/wrappers.proto"; }

// Where we are. Made for every field, and written out only when there is something to say about it.
struct Path {
  enum class Step { kRoot, kField, kItem, kKey };

  Path Field(std::string_view field) const { return {this, Step::kField, field, 0}; }
  Path Item(size_t item) const { return {this, Step::kItem, {}, item}; }
  Path Key(std::string_view key) const { return {this, Step::kKey, key, 0}; }

  std::string ToString() const {
    if (step == Step::kRoot) return "";
    std::string text = up->ToString();
    if (step == Step::kItem) return text + "[" + std::to_string(index) + "]";
    if (step == Step::kKey) return text + "[\"" + std::string(name) + "\"]";
    return (text.empty() ? "" : text + ".") + std::string(name);
  }

  const Path* up = nullptr;
  Step step = Step::kRoot;
  std::string_view name{};
  size_t index = 0;
};

class Decoder {
 public:
  std::vector<DecodeProblem> problems;

  void DecodeMessage(const Node& node, const Path& path, Message* message) {
    if (!Enter(1, node, path)) return;
    Dispatch(node, path, message);
    Leave(1);
  }

 private:
  // Readers of protobuf refuse messages that nest deeper than 100, and Envoy refuses the whole resource then. What
  // stands around an object in a resource takes a part of that.
  static constexpr int kMaxDepth = 70;

  bool Enter(int levels, const Node& node, const Path& path) {
    if (depth_ + levels > kMaxDepth) {
      Problem(path, node.mark, "is nested too deep for Envoy", "use fewer levels");
      return false;
    }
    depth_ += levels;
    return true;
  }

  void Leave(int levels) { depth_ -= levels; }

  void Dispatch(const Node& node, const Path& path, Message* message) {
    const Descriptor* descriptor = message->GetDescriptor();
    if (IsWrapper(descriptor)) {
      DecodeScalarField(node, path, message, descriptor->field(0), false);
    } else if (IsType(descriptor, "Duration")) {
      DecodeDuration(node, path, message);
    } else if (IsType(descriptor, "Timestamp")) {
      DecodeTimestamp(node, path, message);
    } else if (IsType(descriptor, "Struct")) {
      DecodeStruct(node, path, static_cast<google::protobuf::Struct*>(message));
    } else if (IsType(descriptor, "Value")) {
      DecodeValue(node, path, static_cast<google::protobuf::Value*>(message));
    } else if (IsType(descriptor, "ListValue")) {
      DecodeList(node, path, static_cast<google::protobuf::ListValue*>(message));
    } else if (IsType(descriptor, "Any")) {
      DecodeAny(node, path, static_cast<google::protobuf::Any*>(message));
    } else {
      DecodeFields(node, path, message, "");
    }
  }

  void Problem(const Path& path, yaml::Mark mark, std::string message, std::string fix = "") {
    problems.push_back({path.ToString(), mark, std::move(message), std::move(fix)});
  }

  bool Expect(const Node& node, Node::Kind kind, const Path& path) {
    if (node.kind == kind) return true;
    if (kind == Node::Kind::kMapping) {
      Problem(path, node.mark, std::string("expected a mapping, got ") + KindWord(node),
              "write its fields below it, indented");
    } else if (kind == Node::Kind::kSequence) {
      Problem(path, node.mark, std::string("expected a list, got ") + KindWord(node), "put \"- \" before each item");
    } else {
      Problem(path, node.mark, std::string("expected a single value, got ") + KindWord(node),
              "write one value in the line of the field");
    }
    return false;
  }

  // `skip` is a key that is no field ("@type").
  void DecodeFields(const Node& node, const Path& path, Message* message, std::string_view skip) {
    if (!Expect(node, Node::Kind::kMapping, path)) return;
    const Descriptor* descriptor = message->GetDescriptor();
    const FieldIndex& fields = FieldsOf(descriptor);
    // A oneof counts as one; there are few.
    absl::InlinedVector<std::pair<const void*, std::string_view>, 8> taken;
    for (const Node::Entry& entry : node.entries) {
      if (entry.key == skip) continue;
      const Path field_path = path.Field(entry.key);
      const auto it = fields.find(entry.key);
      if (it == fields.end()) {
        UnknownField(descriptor, entry, field_path);
        continue;
      }
      const FieldDescriptor* field = it->second;
      const Path canonical = path.Field(field->json_name());
      if (entry.value.is_null() && !(field->message_type() && IsType(field->message_type(), "Value"))) continue;
      const void* slot =
          field->real_containing_oneof() ? static_cast<const void*>(field->real_containing_oneof()) : field;
      const auto owner = std::find_if(taken.begin(), taken.end(), [&](const auto& one) { return one.first == slot; });
      if (owner != taken.end()) {
        Problem(canonical, entry.mark,
                field->real_containing_oneof()
                    ? "\"" + entry.key + "\" and \"" + std::string(owner->second) + "\" exclude each other"
                    : "\"" + std::string(owner->second) + "\" and \"" + entry.key + "\" are the same field",
                "keep one of them");
        continue;
      }
      taken.emplace_back(slot, entry.key);
      DecodeField(entry.value, canonical, message, field);
    }
  }

  void UnknownField(const Descriptor* descriptor, const Node::Entry& entry, const Path& path) {
    std::vector<std::string> names;
    for (int i = 0; i < descriptor->field_count(); ++i) names.push_back(descriptor->field(i)->json_name());
    const std::string nearest = Nearest(entry.key, names);
    std::string fix = "remove it";
    if (!nearest.empty()) {
      fix = "did you mean \"" + nearest + "\"?";
    } else if (names.size() <= 12 && !names.empty()) {
      fix = "the fields here are";
      for (const std::string& name : names) fix += (fix.ends_with("are") ? " " : ", ") + name;
    }
    Problem(path, entry.mark, "unknown field \"" + entry.key + "\"", fix);
  }

  void DecodeField(const Node& node, const Path& path, Message* message, const FieldDescriptor* field) {
    if (field->is_map()) {
      DecodeMap(node, path, message, field);
    } else if (field->is_repeated()) {
      if (!Expect(node, Node::Kind::kSequence, path)) return;
      for (size_t i = 0; i < node.items.size(); ++i) {
        const Path item = path.Item(i);
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          Message* added = message->GetReflection()->AddMessage(message, field);
          if (node.items[i].is_null() && !IsType(field->message_type(), "Value")) {
            Problem(item, node.items[i].mark, "the item is empty", "remove the \"-\", or write its fields");
          } else {
            DecodeMessage(node.items[i], item, added);
          }
        } else {
          DecodeScalarField(node.items[i], item, message, field, true);
        }
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      DecodeMessage(node, path, message->GetReflection()->MutableMessage(message, field));
    } else {
      DecodeScalarField(node, path, message, field, false);
    }
  }

  void DecodeMap(const Node& node, const Path& path, Message* message, const FieldDescriptor* field) {
    if (!Expect(node, Node::Kind::kMapping, path)) return;
    const FieldDescriptor* key_field = field->message_type()->map_key();
    const FieldDescriptor* value_field = field->message_type()->map_value();
    for (const Node::Entry& entry : node.entries) {
      const Path item = path.Key(entry.key);
      Message* added = message->GetReflection()->AddMessage(message, field);
      Node key;
      key.kind = Node::Kind::kScalar;
      key.quoted = key_field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
      key.scalar = entry.key;
      key.mark = entry.mark;
      DecodeScalarField(key, item, added, key_field, false);
      if (!entry.value.is_null() || value_field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        if (entry.value.is_null() && !IsType(value_field->message_type(), "Value")) continue;
        DecodeField(entry.value, item, added, value_field);
      }
    }
  }

  void DecodeScalarField(const Node& node, const Path& path, Message* message, const FieldDescriptor* field, bool add) {
    if (!Expect(node, Node::Kind::kScalar, path)) return;
    if (auto bad = DecodeScalar(node, add, field, message)) {
      Problem(path, node.mark, std::move(bad->message), std::move(bad->fix));
    }
  }

  void DecodeDuration(const Node& node, const Path& path, Message* message) {
    google::protobuf::Duration duration;
    if (node.is_mapping()) {
      const size_t before = problems.size();
      DecodeFields(node, path, &duration, "");
      if (problems.size() > before) return;
      const bool mixed =
          (duration.seconds() < 0 && duration.nanos() > 0) || (duration.seconds() > 0 && duration.nanos() < 0);
      const int64_t seconds = duration.seconds();
      if (mixed || seconds >= kMostDurationSeconds || seconds <= -kMostDurationSeconds ||
          std::abs(int64_t{duration.nanos()}) > 999'999'999) {
        return Problem(path, node.mark, "is out of the range of durations",
                       "give less than 292 years, and nanos below a second, of the sign of seconds");
      }
    } else if (!Expect(node, Node::Kind::kScalar, path)) {
      return;
    } else if (!ParseGoDuration(node.scalar, &duration)) {
      Problem(path, node.mark, "\"" + node.scalar + "\" is no duration",
              "write a number and a unit, such as 1.5s, 250ms or 2m, of less than 292 years");
      return;
    }
    message->CopyFrom(duration);
  }

  void DecodeTimestamp(const Node& node, const Path& path, Message* message) {
    if (!Expect(node, Node::Kind::kScalar, path)) return;
    google::protobuf::Timestamp timestamp;
    if (!google::protobuf::util::TimeUtil::FromString(node.scalar, &timestamp)) {
      Problem(path, node.mark, "\"" + node.scalar + "\" is no time", "write it like 2026-01-31T12:00:00Z");
      return;
    }
    message->CopyFrom(timestamp);
  }

  void DecodeStruct(const Node& node, const Path& path, google::protobuf::Struct* out) {
    if (!Expect(node, Node::Kind::kMapping, path)) return;
    for (const Node::Entry& entry : node.entries)
      DecodeValue(entry.value, path.Field(entry.key), &(*out->mutable_fields())[entry.key]);
  }

  void DecodeList(const Node& node, const Path& path, google::protobuf::ListValue* out) {
    if (!Expect(node, Node::Kind::kSequence, path)) return;
    for (size_t i = 0; i < node.items.size(); ++i) DecodeValue(node.items[i], path.Item(i), out->add_values());
  }

  void DecodeValue(const Node& node, const Path& path, google::protobuf::Value* out) {
    // A Struct in a Value is three messages: itself, the entry, its value.
    constexpr int kLevels = 3;
    if (!Enter(kLevels, node, path)) return;
    ReadValue(node, path, out);
    Leave(kLevels);
  }

  void ReadValue(const Node& node, const Path& path, google::protobuf::Value* out) {
    switch (node.kind) {
      case Node::Kind::kNull: out->set_null_value(google::protobuf::NULL_VALUE); break;
      case Node::Kind::kSequence: DecodeList(node, path, out->mutable_list_value()); break;
      case Node::Kind::kMapping: DecodeStruct(node, path, out->mutable_struct_value()); break;
      case Node::Kind::kScalar: {
        const auto type = node.quoted ? yaml::ScalarType::kString : yaml::ClassifyPlain(node.scalar);
        if (type == yaml::ScalarType::kBool) {
          out->set_bool_value(*yaml::ParseBool(node.scalar));
        } else if (type == yaml::ScalarType::kInt || type == yaml::ScalarType::kFloat) {
          out->set_number_value(*yaml::ParseNumber(node.scalar));
        } else {
          out->set_string_value(node.scalar);
        }
        break;
      }
    }
  }

  void DecodeAny(const Node& node, const Path& path, google::protobuf::Any* out) {
    if (!Expect(node, Node::Kind::kMapping, path)) return;
    const std::string url(node.FindScalar("@type"));
    if (url.empty()) {
      if (!node.entries.empty())
        Problem(path, node.mark, "the type is missing", "add \"@type\": type.googleapis.com/<full message name>");
      return;
    }
    const Descriptor* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(url.substr(url.rfind('/') + 1));
    if (!descriptor) {
      Problem(path.Field("@type"), node.Find("@type")->mark, "message type \"" + url + "\" is not known here",
              "write a type of the Envoy API that Envoy has");
      return;
    }
    std::unique_ptr<Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    const Node* value = node.Find("value");
    if (value && descriptor->file()->package() == "google.protobuf") {
      DecodeMessage(*value, path.Field("value"), message.get());
    } else {
      DecodeFields(node, path, message.get(), "@type");
    }
    out->set_type_url(url);
    out->set_value(SerializeDeterministic(*message));
  }

  int depth_ = 0;
};

}  // namespace

std::vector<DecodeProblem> DecodeProto(const Node& node, Message* message) {
  Decoder decoder;
  decoder.DecodeMessage(node, Path(), message);
  return std::move(decoder.problems);
}

}  // namespace k8sgw
