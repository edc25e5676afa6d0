#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "src/base/proto_codec.h"
#include "src/base/proto_test_schema.h"

namespace k8sgw {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Fills messages with everything that their fields can hold.
class Filler {
 public:
  explicit Filler(unsigned seed) : random_(seed) {}

  void Fill(Message* message, int depth) {
    const auto* descriptor = message->GetDescriptor();
    const std::string name = descriptor->full_name();
    if (name == "google.protobuf.Duration" || name == "google.protobuf.Timestamp") return FillTime(name, message);
    if (name == "google.protobuf.Any") return FillAny(message, depth);
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      // A Value must have one of its kinds; the last one tried wins.
      if (random_() % 3 == 0 || (name == "google.protobuf.Value" && random_() % 2 == 0))
        FillField(message, field, depth);
    }
    if (name == "google.protobuf.Value" && depth >= 0) {
      auto* value = static_cast<google::protobuf::Value*>(message);
      if (value->kind_case() == google::protobuf::Value::KIND_NOT_SET) value->set_number_value(0.5);
      if (value->has_number_value() && !std::isfinite(value->number_value())) value->set_number_value(-1e-7);
    }
  }

 private:
  int64_t Number() {
    static constexpr int64_t kNumbers[] = {0, 1, -1, 42, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return kNumbers[random_() % std::size(kNumbers)];
  }

  double Real() {
    static const double kReals[] = {0, 0.1, -1.5, 1e300, 5e-324, 1e21, HUGE_VAL, -HUGE_VAL, std::nan(""), 1.0 / 3};
    return kReals[random_() % std::size(kReals)];
  }

  float Narrow() {
    static const float kReals[] = {0, 0.1f, -1.5f, 3.4e38f, 1e-45f, HUGE_VALF, std::nanf("")};
    return kReals[random_() % std::size(kReals)];
  }

  std::string Text() {
    static const std::string kTexts[] = {
        "", "a", "yes", "1", "~", "a: b", "é😀", std::string("\0x", 2), "\n", "\xE2\x80\xA8", "NaN", " "};
    return kTexts[random_() % std::size(kTexts)];
  }

  void FillTime(const std::string& name, Message* message) {
    const bool duration = name == "google.protobuf.Duration";
    const int sign = duration && random_() % 2 == 0 ? -1 : 1;
    const auto* descriptor = message->GetDescriptor();
    message->GetReflection()->SetInt64(message, descriptor->FindFieldByName("seconds"),
                                       sign * static_cast<int64_t>(random_() % 4'000'000'000u));
    message->GetReflection()->SetInt32(message, descriptor->FindFieldByName("nanos"),
                                       sign * static_cast<int>(random_() % 1'000'000'000u));
  }

  void FillAny(Message* message, int depth) {
    google::protobuf::Struct content;
    Fill(&content, depth - 1);
    auto* any = static_cast<google::protobuf::Any*>(message);
    any->set_type_url("type.googleapis.com/google.protobuf.Struct");
    any->set_value(SerializeDeterministic(content));
  }

  void FillField(Message* message, const FieldDescriptor* field, int depth) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (depth <= 0) return;
      if (!field->is_repeated()) return Fill(message->GetReflection()->MutableMessage(message, field), depth - 1);
      for (unsigned n = random_() % 3; n > 0; --n)
        FillRepeated(message->GetReflection()->AddMessage(message, field), field, depth, n);
      return;
    }
    for (unsigned n = field->is_repeated() ? random_() % 4 : 1; n > 0; --n) FillScalar(message, field);
  }

  // Entries of a map get different keys.
  void FillRepeated(Message* item, const FieldDescriptor* field, int depth, unsigned n) {
    if (!field->is_map()) return Fill(item, depth - 1);
    const FieldDescriptor* value = field->message_type()->map_value();
    FillField(item, value, depth);
    const FieldDescriptor* key = field->message_type()->map_key();
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
      item->GetReflection()->SetString(item, key, Text() + std::to_string(n));
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_INT32)
      item->GetReflection()->SetInt32(item, key, static_cast<int>(n) - 2);
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) item->GetReflection()->SetBool(item, key, n == 1);
  }

  void FillScalar(Message* message, const FieldDescriptor* field) {
    const Reflection* r = message->GetReflection();
    const auto put = [&](auto value, auto set, auto add) {
      (r->*(field->is_repeated() ? add : set))(message, field, value);
    };
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL: return put(random_() % 2 == 0, &Reflection::SetBool, &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_INT32:
        return put(static_cast<int32_t>(Number()), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64: return put(Number(), &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return put(static_cast<uint32_t>(Number()), &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return put(static_cast<uint64_t>(Number()), &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE: return put(Real(), &Reflection::SetDouble, &Reflection::AddDouble);
      case FieldDescriptor::CPPTYPE_FLOAT: return put(Narrow(), &Reflection::SetFloat, &Reflection::AddFloat);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* type = field->enum_type();
        return put(type->value(static_cast<int>(random_() % static_cast<unsigned>(type->value_count()))),
                   &Reflection::SetEnum, &Reflection::AddEnum);
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        const bool bytes = field->type() == FieldDescriptor::TYPE_BYTES;
        return put(bytes ? Text() + "\xff\xfe" : Text(), &Reflection::SetString, &Reflection::AddString);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE: return;
    }
  }

  std::mt19937 random_;
};

TEST(ProtoEncode, DecodingIsTheInverse) {
  testing::Schema schema;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    const auto message = schema.New();
    Filler(seed).Fill(message.get(), 5);
    const yaml::Node tree = EncodeProto(*message);
    for (const std::string& text : {yaml::Emit(tree), yaml::EmitJson(tree, 0)}) {
      const yaml::Stream stream = yaml::Parse(text);
      ASSERT_TRUE(stream.ok) << stream.error.message << "\n" << text;
      const auto again = schema.New();
      const auto problems = DecodeProto(stream.documents.at(0), again.get());
      ASSERT_TRUE(problems.empty()) << problems[0].path << ": " << problems[0].message << "\n" << text;
      ASSERT_EQ(SerializeDeterministic(*again), SerializeDeterministic(*message)) << text;
    }
  }
}

TEST(ProtoEncode, EqualMessagesGiveEqualBytes) {
  google::protobuf::Struct a;
  google::protobuf::Struct b;
  for (int i = 0; i < 100; ++i) (*a.mutable_fields())[std::to_string(i)].set_number_value(i);
  for (int i = 99; i >= 0; --i) (*b.mutable_fields())[std::to_string(i)].set_number_value(i);
  EXPECT_EQ(SerializeDeterministic(a), SerializeDeterministic(b));
  EXPECT_EQ(yaml::Emit(EncodeProto(a)), yaml::Emit(EncodeProto(b)));
}

TEST(ProtoEncode, TypesWithoutADescription) {
  google::protobuf::Any any;
  EXPECT_EQ(yaml::EmitJson(EncodeProto(any), 0), "{}");
  any.set_type_url("x/no.Such");
  EXPECT_EQ(yaml::EmitJson(EncodeProto(any), 0), R"({"@type": "x/no.Such"})");
  any.set_value("\x08\x01");
  EXPECT_EQ(yaml::EmitJson(EncodeProto(any), 0), R"({"@type": "x/no.Such", "value": "CAE="})");
}

TEST(ProtoEncode, UnknownEnumNumbersStay) {
  testing::Schema schema;
  const auto message = schema.New();
  message->ParseFromString(std::string("\x50\x63", 2));  // color: 99
  EXPECT_EQ(yaml::EmitJson(EncodeProto(*message), 0), R"({"color": 99})");
}

}  // namespace
}  // namespace k8sgw
