// Nothing is ignored in silence: every field that a user may write changes the result, or gives a problem.
//
// The golden cases are the ground. In each message of their objects, each field is set to one value after the other
// until the outcome of the case changes; a field for which that happens in no case is a fault. Fields of messages that
// no case has are not looked at: the field that holds the message is, and it is heard when it gives a warning.

#include <array>
#include <functional>
#include <map>
#include <set>

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "api/gateway/v1/external_options.pb.h"
#include "api/gateway/v1/gateway.pb.h"
#include "api/gateway/v1/matchable_http_gateway.pb.h"
#include "api/gateway/v1/matchable_tcp_gateway.pb.h"
#include "api/gateway/v1/route_table.pb.h"
#include "api/gateway/v1/virtual_service.pb.h"
#include "api/gloo/v1/artifact.pb.h"
#include "api/gloo/v1/proxy.pb.h"
#include "api/gloo/v1/secret.pb.h"
#include "api/gloo/v1/settings.pb.h"
#include "api/gloo/v1/upstream.pb.h"
#include "tests/golden/golden_case.h"

namespace k8sgw::golden {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Fields that are meant to change nothing, with the reason.
const std::map<std::string_view, std::string_view> kSilent = {
    {"gloo.solo.io.Settings.metadata", "comes from the object's metadata"},
    {"gloo.solo.io.Settings.namespaced_statuses", "written by control planes"},
    {"gloo.solo.io.Upstream.metadata", "comes from the object's metadata"},
    {"gloo.solo.io.Upstream.namespaced_statuses", "written by control planes"},
    {"gloo.solo.io.Upstream.discovery_metadata", "written by discovery"},
};

// What one can see of a translation.
struct Outcome {
  std::map<std::string, std::string> resources;
  Problems problems;
  bool operator==(const Outcome&) const = default;
};

Outcome Translate(const Pipeline::Options& options, const std::vector<Change>& objects) {
  Pipeline pipeline(options);
  for (const Change& object : objects) pipeline.Stage(object);
  pipeline.Commit();
  Outcome out;
  out.problems = pipeline.problems();
  for (const std::string& role : pipeline.roles()) {
    for (const auto& [type, resources] : pipeline.ResourcesOf(role)) {
      for (const auto& [name, resource] : resources) {
        out.resources[role + " " + std::to_string(static_cast<int>(type)) + " " + name] = resource->version;
      }
    }
  }
  return out;
}

// From the spec of an object to one of the messages in it: fields, with the index in those that are lists.
using Path = std::vector<std::pair<const FieldDescriptor*, int>>;

Message* Follow(Message* message, const Path& path) {
  for (const auto& [field, index] : path) {
    const auto* reflection = message->GetReflection();
    message = field->is_repeated() ? reflection->MutableRepeatedMessage(message, field, index)
                                   : reflection->MutableMessage(message, field);
  }
  return message;
}

std::string Name(const Path& path) {
  std::string text;
  for (const auto& [field, index] : path) {
    text += "." + field->json_name() + (field->is_repeated() ? "[" + std::to_string(index) + "]" : "");
  }
  return text;
}

using Mutation = std::function<void(Message*)>;

// The object with its spec changed.
Change With(const Change& object, const Mutation& mutation) {
  Change out = object;
  std::visit(
      [&](const auto& value) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          using Shared = std::decay_t<decltype(value)>;
          auto copy = std::make_shared<std::remove_const_t<typename Shared::element_type>>(*value);
          mutation(&copy->spec);
          out.object = Shared(std::move(copy));
        }
      },
      object.object);
  return out;
}

const Message* SpecOf(const Change& object) {
  return std::visit(
      [](const auto& value) -> const Message* {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return nullptr;
        } else {
          return &value->spec;
        }
      },
      object.object);
}

// Sets or adds a scalar; `variant` picks one of several values.
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

// Gives the field another value; `variant` is 0 to kVariants - 1.
constexpr int kVariants = 6;
void SetField(Message* message, const FieldDescriptor* field, int variant) {
  const auto* reflection = message->GetReflection();
  if (variant == 4) return reflection->ClearField(message, field);
  if (variant == 5) {
    if (field->is_repeated() && reflection->FieldSize(*message, field) > 0) reflection->RemoveLast(message, field);
    return;
  }
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return SetScalar(message, field, variant);
  Message* part =
      field->is_repeated() ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field);
  const auto* type = part->GetDescriptor();
  if (field->is_map()) {
    SetScalar(part, type->map_key(), variant % 2);
    if (type->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) SetScalar(part, type->map_value(), variant);
  } else if (type->file()->package() == "google.protobuf" && type->field_count() > 0) {
    // Wrappers and durations: their first field.
    SetField(part, type->field(0), variant);
  }
}

class Trial {
 public:
  void Run(const Case& item) {
    options_ = item.pipeline_options();
    objects_ = item.objects();
    name_ = item.Name();
    base_ = Translate(options_, objects_);
    for (size_t i = 0; i < objects_.size(); ++i) {
      if (const Message* spec = SpecOf(objects_[i])) Visit(i, *spec, {});
    }
  }

  // The fields that nobody hears, with a place where they stand.
  const std::map<std::string, std::string>& unheard() const { return unheard_; }
  bool hears(std::string_view field) const { return heard_.contains(std::string(field)); }

 private:
  void Visit(size_t object, const Message& message, const Path& path) {
    const auto* type = message.GetDescriptor();
    if (type->file()->package() == "google.protobuf") return;
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (!heard_.contains(field->full_name())) Try(object, field, path);
      if (field->is_map() || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const auto* reflection = message.GetReflection();
      const bool list = field->is_repeated();
      const int count = list ? reflection->FieldSize(message, field) : reflection->HasField(message, field);
      for (int k = 0; k < count; ++k) {
        Path below = path;
        below.emplace_back(field, k);
        Visit(object, list ? reflection->GetRepeatedMessage(message, field, k) : reflection->GetMessage(message, field),
              below);
      }
    }
  }

  void Try(size_t object, const FieldDescriptor* field, const Path& path) {
    // A member of a oneof takes the place of another: it must say more than that the other is gone.
    const auto* oneof = field->real_containing_oneof();
    const Outcome silent = !oneof ? base_ : With(object, [&](Message* spec) {
      Message* message = Follow(spec, path);
      message->GetReflection()->ClearOneof(message, oneof);
    });
    for (int variant = 0; variant < kVariants; ++variant) {
      const Outcome outcome = With(object, [&](Message* spec) { SetField(Follow(spec, path), field, variant); });
      if (outcome == silent || outcome == base_) continue;
      heard_.insert(field->full_name());
      unheard_.erase(field->full_name());
      return;
    }
    unheard_.emplace(field->full_name(), name_ + ", " + objects_[object].key.ToString() + Name(path));
  }

  Outcome With(size_t object, const Mutation& mutation) const {
    std::vector<Change> objects = objects_;
    objects[object] = golden::With(objects[object], mutation);
    return Translate(options_, objects);
  }

  Pipeline::Options options_;
  std::vector<Change> objects_;
  std::string name_;
  Outcome base_;
  std::set<std::string> heard_;
  std::map<std::string, std::string> unheard_;
};

TEST(GoldenFields, AreHeard) {
  Trial trial;
  for (const auto& path : Case::FindAll()) {
    Case item(path);
    item.Run();
    if (!item.MayFail()) trial.Run(item);
  }
  for (const auto& [field, place] : trial.unheard()) {
    if (kSilent.contains(field)) continue;
    ADD_FAILURE() << field << " changes nothing, as in " << place
                  << ": translate it, give a warning, or show in a golden case what it does";
  }
  for (const auto& [field, reason] : kSilent) {
    EXPECT_FALSE(trial.hears(field)) << field << " is heard: take it from the list of those that are not";
  }
}

}  // namespace
}  // namespace k8sgw::golden
