// A message for tests of the codec, described here: every kind of field, and nothing of the product.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <memory>
#include <string>

namespace k8sgw::testing {

// Makes messages of type test.All; well-known types are the generated ones, as in the product.
class Schema {
 public:
  Schema() : pool_(google::protobuf::DescriptorPool::generated_pool()) {
    factory_.SetDelegateToGeneratedFactory(true);
    file_.set_name("test.proto");
    file_.set_package("test");
    file_.set_syntax("proto3");
    for (const auto* file :
         {google::protobuf::Any::descriptor()->file(), google::protobuf::Duration::descriptor()->file(),
          google::protobuf::Struct::descriptor()->file(), google::protobuf::Timestamp::descriptor()->file(),
          google::protobuf::UInt32Value::descriptor()->file()}) {
      file_.add_dependency(file->name());
    }
    auto& color = *file_.add_enum_type();
    color.set_name("Color");
    for (const char* name : {"RED", "GREEN", "BLUE"}) {
      auto& value = *color.add_value();
      value.set_name(name);
      value.set_number(color.value_size() - 1);
    }
    auto& inner = *file_.add_message_type();
    inner.set_name("Inner");
    Add(inner, "text", Type::TYPE_STRING);
    Add(inner, "number", Type::TYPE_INT32);
    Add(inner, "deeper", "test.Inner");
    Describe(*file_.add_message_type());
    pool_.BuildFile(file_);
  }

  std::unique_ptr<google::protobuf::Message> New() {
    const auto* type = pool_.FindMessageTypeByName("test.All");
    return std::unique_ptr<google::protobuf::Message>(factory_.GetPrototype(type)->New());
  }

 private:
  using Type = google::protobuf::FieldDescriptorProto;
  using Message = google::protobuf::DescriptorProto;

  static Type& Add(Message& message, const char* name, Type::Type type, bool repeated = false) {
    Type& field = *message.add_field();
    field.set_name(name);
    field.set_number(message.field_size());
    field.set_type(type);
    field.set_label(repeated ? Type::LABEL_REPEATED : Type::LABEL_OPTIONAL);
    return field;
  }

  static Type& Add(Message& message, const char* name, const std::string& type, bool repeated = false) {
    Type& field = Add(message, name, type == "test.Color" ? Type::TYPE_ENUM : Type::TYPE_MESSAGE, repeated);
    field.set_type_name("." + type);
    return field;
  }

  static Message& AddMap(Message& message, const char* name, const std::string& entry, Type::Type key) {
    Message& nested = *message.add_nested_type();
    nested.set_name(entry);
    nested.mutable_options()->set_map_entry(true);
    Add(nested, "key", key);
    Add(message, name, "test.All." + entry, true);
    return nested;
  }

  static void Describe(Message& all) {
    const std::string google = "google.protobuf.";
    all.set_name("All");
    Add(all, "flag", Type::TYPE_BOOL);
    Add(all, "i32", Type::TYPE_INT32);
    Add(all, "i64", Type::TYPE_INT64);
    Add(all, "u32", Type::TYPE_UINT32);
    Add(all, "u64", Type::TYPE_UINT64);
    Add(all, "real", Type::TYPE_DOUBLE);
    Add(all, "narrow", Type::TYPE_FLOAT);
    Add(all, "text", Type::TYPE_STRING);
    Add(all, "raw", Type::TYPE_BYTES);
    Add(all, "color", "test.Color");
    Add(all, "inner", "test.Inner");
    Add(all, "texts", Type::TYPE_STRING, true);
    Add(all, "inners", "test.Inner", true);
    Add(all, "colors", "test.Color", true);
    Add(all, "numbers", Type::TYPE_INT64, true);
    Add(AddMap(all, "labels", "LabelsEntry", Type::TYPE_STRING), "value", Type::TYPE_STRING);
    Add(AddMap(all, "by_number", "ByNumberEntry", Type::TYPE_INT32), "value", "test.Inner");
    Add(AddMap(all, "by_flag", "ByFlagEntry", Type::TYPE_BOOL), "value", Type::TYPE_UINT32);
    Add(all, "wait", google + "Duration");
    Add(all, "when", google + "Timestamp");
    Add(all, "details", google + "Struct");
    Add(all, "value", google + "Value");
    Add(all, "values", google + "Value", true);
    Add(all, "list", google + "ListValue");
    Add(all, "any", google + "Any");
    Add(all, "wrapped_u32", google + "UInt32Value");
    Add(all, "wrapped_flag", google + "BoolValue");
    Add(all, "wrapped_text", google + "StringValue");
    Add(all, "wrapped_raw", google + "BytesValue");
    Add(all, "wrapped_real", google + "DoubleValue");
    Add(all, "wrapped_list", google + "UInt32Value", true);
    all.add_oneof_decl()->set_name("kind");
    Add(all, "left", Type::TYPE_STRING).set_oneof_index(0);
    Add(all, "right", "test.Inner").set_oneof_index(0);
    Add(all, "middle", google + "Duration").set_oneof_index(0);
    all.add_oneof_decl()->set_name("_maybe");
    Type& maybe = Add(all, "maybe", Type::TYPE_INT32);
    maybe.set_oneof_index(1);
    maybe.set_proto3_optional(true);
  }

  google::protobuf::FileDescriptorProto file_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

}  // namespace k8sgw::testing
