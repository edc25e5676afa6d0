#include "tests/golden/field_change.h"

#include <array>
#include <memory>
#include <type_traits>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/model/kubernetes.h"

namespace k8sgw::golden {
namespace {

// Whether what a variant of AnyObject holds is one of our messages; objects of Kubernetes itself are not.
template <class Shared>
constexpr bool kHoldsMessage = requires(Shared value) { value->spec.GetDescriptor(); };

// Sets a scalar, or adds one to a list; `variant` picks one of four values.
void SetScalar(Message* message, const FieldDescriptor* field, int variant) {
  const auto* reflection = message->GetReflection();
  const int64_t number = std::array{1, 70000, 0, -1}[static_cast<size_t>(variant)];
  const std::string text = std::array{"a", "/b", "", "%"}[static_cast<size_t>(variant)];
  const auto set = [&](auto one, auto add, const auto& value) {
    field->is_repeated() ? (reflection->*add)(message, field, value) : (reflection->*one)(message, field, value);
  };
  using R = google::protobuf::Reflection;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return set(&R::SetBool, &R::AddBool, variant % 2 == 0);
    case FieldDescriptor::CPPTYPE_INT32: return set(&R::SetInt32, &R::AddInt32, static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64: return set(&R::SetInt64, &R::AddInt64, number);
    case FieldDescriptor::CPPTYPE_UINT32: return set(&R::SetUInt32, &R::AddUInt32, static_cast<uint32_t>(number));
    case FieldDescriptor::CPPTYPE_UINT64: return set(&R::SetUInt64, &R::AddUInt64, static_cast<uint64_t>(number));
    case FieldDescriptor::CPPTYPE_FLOAT: return set(&R::SetFloat, &R::AddFloat, static_cast<float>(number));
    case FieldDescriptor::CPPTYPE_DOUBLE: return set(&R::SetDouble, &R::AddDouble, static_cast<double>(number));
    case FieldDescriptor::CPPTYPE_STRING: return set(&R::SetString, &R::AddString, text);
    case FieldDescriptor::CPPTYPE_ENUM:
      return set(&R::SetEnumValue, &R::AddEnumValue,
                 field->enum_type()->value(variant % field->enum_type()->value_count())->number());
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
}

}  // namespace

Message* Follow(Message* spec, const Path& path) {
  for (const auto& [field, index] : path) {
    const auto* reflection = spec->GetReflection();
    spec = field->is_repeated() ? reflection->MutableRepeatedMessage(spec, field, index)
                                : reflection->MutableMessage(spec, field);
  }
  return spec;
}

std::string PathText(const Path& path) {
  std::string text;
  for (const auto& [field, index] : path) {
    text += (text.empty() ? "" : ".") + field->json_name();
    if (field->is_repeated()) text += "[" + std::to_string(index) + "]";
  }
  return text;
}

std::string PathText(const Path& path, const FieldDescriptor* field) {
  return PathText(path) + (path.empty() ? "" : ".") + field->json_name();
}

const Message* SpecOf(const Change& object) {
  return std::visit(
      [](const auto& value) -> const Message* {
        if constexpr (kHoldsMessage<std::decay_t<decltype(value)>>) {
          return &value->spec;
        } else {
          return nullptr;
        }
      },
      object.object);
}

Change Changed(const Change& object, const Mutation& mutation) {
  Change out = object;
  std::visit(
      [&](const auto& value) {
        using Shared = std::decay_t<decltype(value)>;
        if constexpr (kHoldsMessage<Shared>) {
          auto copy = std::make_shared<std::remove_const_t<typename Shared::element_type>>(*value);
          mutation(&copy->spec);
          out.object = Shared(std::move(copy));
        }
      },
      object.object);
  return out;
}

bool IsPlain(const Descriptor* type) { return type->file()->package() == "google.protobuf"; }

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(message, field) > 0 : reflection->HasField(message, field);
}

void ChangeField(Message* message, const FieldDescriptor* field, int variant) {
  const auto* reflection = message->GetReflection();
  if (variant == 0) return reflection->ClearField(message, field);
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return SetScalar(message, field, variant - 1);
  Message* part =
      field->is_repeated() ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field);
  const auto* type = part->GetDescriptor();
  if (field->is_map()) {
    SetScalar(part, type->map_key(), variant % 2);
    const auto* value = type->map_value();
    if (value->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) SetScalar(part, value, variant - 1);
  } else if (IsPlain(type) && type->field_count() > 0) {
    ChangeField(part, type->field(0), variant);
  }
}

}  // namespace k8sgw::golden
