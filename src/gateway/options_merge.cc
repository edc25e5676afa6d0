#include "src/gateway/options_merge.h"

#include <algorithm>

#include "api/options/transformation.proto.h"

namespace k8sgw::gateway {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool Has(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  if (field->is_repeated()) return reflection->FieldSize(message, field) > 0;
  if (const auto* oneof = field->real_containing_oneof()) return reflection->HasOneof(message, oneof);
  return reflection->HasField(message, field);
}

void CopyScalar(Message& into, const Message& from, const FieldDescriptor* field) {
  const auto* get = from.GetReflection();
  const auto* set = into.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: return set->SetInt32(&into, field, get->GetInt32(from, field));
    case FieldDescriptor::CPPTYPE_INT64: return set->SetInt64(&into, field, get->GetInt64(from, field));
    case FieldDescriptor::CPPTYPE_UINT32: return set->SetUInt32(&into, field, get->GetUInt32(from, field));
    case FieldDescriptor::CPPTYPE_UINT64: return set->SetUInt64(&into, field, get->GetUInt64(from, field));
    case FieldDescriptor::CPPTYPE_DOUBLE: return set->SetDouble(&into, field, get->GetDouble(from, field));
    case FieldDescriptor::CPPTYPE_FLOAT: return set->SetFloat(&into, field, get->GetFloat(from, field));
    case FieldDescriptor::CPPTYPE_BOOL: return set->SetBool(&into, field, get->GetBool(from, field));
    case FieldDescriptor::CPPTYPE_ENUM: return set->SetEnumValue(&into, field, get->GetEnumValue(from, field));
    case FieldDescriptor::CPPTYPE_STRING: return set->SetString(&into, field, get->GetString(from, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      set->MutableMessage(&into, field)->CopyFrom(get->GetMessage(from, field));
      return;
  }
}

void Copy(Message& into, const Message& from, const FieldDescriptor* field) {
  if (!field->is_repeated()) return CopyScalar(into, from, field);
  // Lists and maps of any type: swapped out of a copy that holds nothing else.
  std::unique_ptr<Message> copy(from.New());
  copy->CopyFrom(from);
  into.GetReflection()->SwapFields(&into, copy.get(), {field});
}

template <class Fn>
void ForEachTaken(const Message& into, const Message& from, Fn&& fn) {
  std::vector<const FieldDescriptor*> fields;
  from.GetReflection()->ListFields(from, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!Has(into, field)) fn(field);
  }
}

void Append(const transformationv1::RequestResponseTransformations& parent,
            transformationv1::RequestResponseTransformations& child) {
  child.mutable_request_transforms()->MergeFrom(parent.request_transforms());
  child.mutable_response_transforms()->MergeFrom(parent.response_transforms());
}

}  // namespace

void MergeOptions(Message& into, const Message& from, const Source& from_place,
                  const proxy::OptionSources& from_sources, proxy::OptionSources& sources) {
  ForEachTaken(into, from, [&](const FieldDescriptor* field) {
    Copy(into, from, field);
    const auto known = std::find_if(from_sources.begin(), from_sources.end(),
                                    [&](const auto& source) { return source.first == field->number(); });
    sources.emplace_back(field->number(), known == from_sources.end() ? from_place : known->second);
  });
}

bool TakesOptions(const Message& into, const Message& from) {
  bool takes = false;
  ForEachTaken(into, from, [&](const FieldDescriptor*) { takes = true; });
  return takes;
}

void InheritTransformations(const transformationv1::TransformationStages& parent,
                            transformationv1::TransformationStages& child) {
  if (parent.has_regular()) Append(parent.regular(), *child.mutable_regular());
  if (parent.has_early()) Append(parent.early(), *child.mutable_early());
}

}  // namespace k8sgw::gateway
