#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "src/base/base64.h"
#include "src/base/proto_codec.h"

namespace k8sgw {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using yaml::Node;

Node Scalar(std::string text, bool quoted) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = quoted;
  node.scalar = std::move(text);
  return node;
}

Node Text(std::string text) { return Scalar(std::move(text), true); }

template <class T>
std::string Number(T value) {
  // The shortest text that gives the same number again.
  char text[40];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  return {text, result.ptr};
}

template <class T>
Node Float(T value) {
  if (std::isnan(value)) return Text("NaN");
  if (std::isinf(value)) return Text(value > 0 ? "Infinity" : "-Infinity");
  return Scalar(Number(value), false);
}

Node Mapping() {
  Node node;
  node.kind = Node::Kind::kMapping;
  return node;
}

Node FromValue(const google::protobuf::Value& value);

Node FromStruct(const google::protobuf::Struct& in) {
  Node node = Mapping();
  const std::map<std::string, google::protobuf::Value> sorted(in.fields().begin(), in.fields().end());
  for (const auto& [key, value] : sorted) node.entries.push_back({key, {}, FromValue(value)});
  return node;
}

Node FromList(const google::protobuf::ListValue& in) {
  Node node;
  node.kind = Node::Kind::kSequence;
  for (const auto& value : in.values()) node.items.push_back(FromValue(value));
  return node;
}

Node FromValue(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue: return Float(value.number_value());
    case google::protobuf::Value::kStringValue: return Text(value.string_value());
    case google::protobuf::Value::kBoolValue: return Scalar(value.bool_value() ? "true" : "false", false);
    case google::protobuf::Value::kStructValue: return FromStruct(value.struct_value());
    case google::protobuf::Value::kListValue: return FromList(value.list_value());
    default: return {};
  }
}

// One value of a field: the `index`-th, or the only one when index is -1.
Node FromField(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* r = message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Scalar((one ? r->GetBool(message, field) : r->GetRepeatedBool(message, field, index)) ? "true" : "false",
                    false);
    case FieldDescriptor::CPPTYPE_INT32:
      return Scalar(Number(one ? r->GetInt32(message, field) : r->GetRepeatedInt32(message, field, index)), false);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Scalar(Number(one ? r->GetUInt32(message, field) : r->GetRepeatedUInt32(message, field, index)), false);
    // 64-bit numbers are text in protobuf's JSON: JavaScript would round them.
    case FieldDescriptor::CPPTYPE_INT64:
      return Text(Number(one ? r->GetInt64(message, field) : r->GetRepeatedInt64(message, field, index)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return Text(Number(one ? r->GetUInt64(message, field) : r->GetRepeatedUInt64(message, field, index)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Float(one ? r->GetDouble(message, field) : r->GetRepeatedDouble(message, field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Float(one ? r->GetFloat(message, field) : r->GetRepeatedFloat(message, field, index));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = one ? r->GetEnumValue(message, field) : r->GetRepeatedEnumValue(message, field, index);
      const auto* value = field->enum_type()->FindValueByNumber(number);
      return value ? Text(value->name()) : Scalar(Number(number), false);
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = one ? r->GetString(message, field) : r->GetRepeatedString(message, field, index);
      return Text(field->type() == FieldDescriptor::TYPE_BYTES ? EncodeBase64(text) : text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return EncodeProto(one ? r->GetMessage(message, field) : r->GetRepeatedMessage(message, field, index));
  }
  return {};
}

Node FromMap(const Message& message, const FieldDescriptor* field) {
  Node node = Mapping();
  const Reflection* r = message.GetReflection();
  for (int i = 0; i < r->FieldSize(message, field); ++i) {
    const Message& entry = r->GetRepeatedMessage(message, field, i);
    node.entries.push_back({FromField(entry, field->message_type()->map_key(), -1).scalar,
                            {},
                            FromField(entry, field->message_type()->map_value(), -1)});
  }
  std::sort(node.entries.begin(), node.entries.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return node;
}

Node FromAny(const google::protobuf::Any& any) {
  Node node = Mapping();
  if (any.type_url().empty() && any.value().empty()) return node;
  node.entries.push_back({"@type", {}, Text(any.type_url())});
  const std::string name = any.type_url().substr(any.type_url().rfind('/') + 1);
  const Descriptor* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  if (!descriptor) {
    // A message that we have no description of: nothing but its type when it is empty, else its bytes.
    if (!any.value().empty()) node.entries.push_back({"value", {}, Text(EncodeBase64(any.value()))});
    return node;
  }
  std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
  message->ParseFromString(any.value());
  Node content = EncodeProto(*message);
  if (content.is_mapping() && descriptor->file()->package() != "google.protobuf") {
    for (auto& entry : content.entries) node.entries.push_back(std::move(entry));
  } else {
    node.entries.push_back({"value", {}, std::move(content)});
  }
  return node;
}

}  // namespace

Node EncodeProto(const Message& message) {
  const Descriptor* descriptor = message.GetDescriptor();
  if (descriptor->file()->package() == "google.protobuf") {
    if (descriptor->file()->name() == "google/protobuf/wrappers.proto")
      return FromField(message, descriptor->field(0), -1);
    if (descriptor->name() == "Duration") {
      return Text(google::protobuf::util::TimeUtil::ToString(static_cast<const google::protobuf::Duration&>(message)));
    }
    if (descriptor->name() == "Timestamp") {
      return Text(google::protobuf::util::TimeUtil::ToString(static_cast<const google::protobuf::Timestamp&>(message)));
    }
    if (descriptor->name() == "Struct") return FromStruct(static_cast<const google::protobuf::Struct&>(message));
    if (descriptor->name() == "Value") return FromValue(static_cast<const google::protobuf::Value&>(message));
    if (descriptor->name() == "ListValue") return FromList(static_cast<const google::protobuf::ListValue&>(message));
    if (descriptor->name() == "Any") return FromAny(static_cast<const google::protobuf::Any&>(message));
  }
  Node node = Mapping();
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    Node value;
    if (field->is_map()) {
      value = FromMap(message, field);
    } else if (field->is_repeated()) {
      value.kind = Node::Kind::kSequence;
      for (int i = 0; i < reflection->FieldSize(message, field); ++i)
        value.items.push_back(FromField(message, field, i));
    } else {
      value = FromField(message, field, -1);
    }
    node.entries.push_back({field->json_name(), {}, std::move(value)});
  }
  return node;
}

std::string SerializeDeterministic(const Message& message) {
  std::string bytes;
  bytes.reserve(message.ByteSizeLong());
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace k8sgw
