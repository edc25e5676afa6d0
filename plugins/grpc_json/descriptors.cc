#include "plugins/grpc_json/descriptors.h"

#include <google/api/annotations.proto.h>
#include <google/api/http.proto.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/rpc/status.proto.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "plugins/grpc_json/http_template.h"
#include "src/base/text.h"

namespace k8sgw::plugins::grpc_json {
namespace {

namespace pb = ::google::protobuf;
using ::google::api::HttpRule;
using Options = ::grpc_json::options::gloo::solo::io::GrpcJsonTranscoder;

constexpr char kMakeThem[] = "make them with protoc --include_imports --descriptor_set_out=FILE";
constexpr char kMendRule[] = "correct its google.api.http";
constexpr size_t kShownServices = 5;
constexpr int kMostRanges = 1000;
// Of FileDescriptorProto. Its values are those of proto2 to edition 2024.
constexpr int kEditionField = 14;
constexpr uint64_t kFirstEdition = 998;
constexpr uint64_t kLastEdition = 1001;

// Keeps the first error.
class FirstError : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ = Cat(file, ": ", element, ": ", message);
    if (text_.ends_with('.')) text_.pop_back();
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The method and the path of HTTP that a rule names; "" without.
std::pair<std::string, std::string> PatternOf(const HttpRule& rule) {
  switch (rule.pattern_case()) {
    case HttpRule::kGet: return {"GET", rule.get()};
    case HttpRule::kPut: return {"PUT", rule.put()};
    case HttpRule::kPost: return {"POST", rule.post()};
    case HttpRule::kDelete: return {"DELETE", rule.delete_()};
    case HttpRule::kPatch: return {"PATCH", rule.patch()};
    case HttpRule::kCustom: return {rule.custom().kind(), rule.custom().path()};
    case HttpRule::PATTERN_NOT_SET: break;
  }
  return {};
}

const pb::FieldDescriptor* FindField(const pb::Descriptor& message, std::string_view name) {
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor* field = message.field(i);
    if (field->name() == name || field->json_name() == name) return field;
  }
  return nullptr;
}

// The field of a rule's body, such as "book.title", in a message. nullopt when it is missing; nullptr for all of the
// message, which "" and "*" stand for.
std::optional<const pb::FieldDescriptor*> Resolve(const pb::Descriptor& message, const std::string& path) {
  const pb::FieldDescriptor* field = nullptr;
  if (path == "*") return field;
  const pb::Descriptor* current = &message;
  for (const absl::string_view part : absl::StrSplit(path, '.', absl::SkipEmpty())) {
    field = current ? FindField(*current, {part.data(), part.size()}) : nullptr;
    if (!field) return std::nullopt;
    current = field->type() == pb::FieldDescriptor::TYPE_MESSAGE ? field->message_type() : nullptr;
  }
  return field;
}

bool IsHttpBody(const pb::FieldDescriptor& field) {
  return field.message_type() && field.message_type()->full_name() == "google.api.HttpBody";
}

// Ranges of numbers are compared with each other and with all fields, so time grows with the product. Empty ones are
// refused by Envoy's newer library, and not by this one.
bool HasBadRanges(const pb::EnumDescriptorProto& type) { return type.reserved_range_size() > kMostRanges; }
bool HasBadRanges(const pb::DescriptorProto& message) {
  return message.reserved_range_size() + message.extension_range_size() > kMostRanges ||
         std::ranges::any_of(message.reserved_range(),
                             [](const auto& range) { return range.start() >= range.end(); }) ||
         std::ranges::any_of(message.enum_type(), [](const auto& type) { return HasBadRanges(type); }) ||
         std::ranges::any_of(message.nested_type(), [](const auto& nested) { return HasBadRanges(nested); });
}
bool HasBadRanges(const pb::FileDescriptorProto& file) {
  return std::ranges::any_of(file.enum_type(), [](const auto& type) { return HasBadRanges(type); }) ||
         std::ranges::any_of(file.message_type(), [](const auto& message) { return HasBadRanges(message); });
}

// Which the newer library refuses, too.
bool HasNulInJsonName(const pb::RepeatedPtrField<pb::FieldDescriptorProto>& fields) {
  return std::ranges::any_of(fields,
                             [](const auto& field) { return field.json_name().find('\0') != std::string::npos; });
}
bool HasNulInJsonName(const pb::DescriptorProto& message) {
  return HasNulInJsonName(message.field()) || HasNulInJsonName(message.extension()) ||
         std::ranges::any_of(message.nested_type(), [](const auto& nested) { return HasNulInJsonName(nested); });
}
bool HasNulInJsonName(const pb::FileDescriptorProto& file) {
  return HasNulInJsonName(file.extension()) ||
         std::ranges::any_of(file.message_type(), [](const auto& message) { return HasNulInJsonName(message); });
}

// The edition of a file, which is newer than this library: an unknown field to it. nullopt for none.
std::optional<uint64_t> EditionOf(const pb::FileDescriptorProto& file) {
  std::optional<uint64_t> edition;
  const pb::UnknownFieldSet& fields = file.unknown_fields();
  for (int i = 0; i < fields.field_count(); ++i) {
    const pb::UnknownField& field = fields.field(i);
    if (field.number() == kEditionField && field.type() == pb::UnknownField::TYPE_VARINT) edition = field.varint();
  }
  return edition;
}

class Check {
 public:
  Check(const Options& options, std::string_view field, const std::string& origin, envoy::Reporter& report)
      : options_(options), field_(field), origin_(origin), report_(report) {}

  void Run(const std::string& bytes) {
    pb::FileDescriptorSet set;
    if (bytes.size() > kMostBytes) {
      return Fault(Cat("the descriptors have ", bytes.size(), " bytes, and at most ", kMostBytes, " are taken"),
                   "leave out what the services do not need");
    }
    if (!set.ParseFromString(bytes)) return Fault("is no serialized FileDescriptorSet", kMakeThem);
    for (pb::FileDescriptorProto& file : *set.mutable_file()) {
      if (!Build(file)) return;
    }
    // For the status in the body, Envoy adds what is missing.
    if (options_.convert_grpc_status() && !(Add(*pb::Any::descriptor()) && Add(*::google::rpc::Status::descriptor()))) {
      return;
    }
    for (int i = 0; i < options_.services_size(); ++i) CheckService(i);
  }

 private:
  void Fault(const std::string& message, std::string fix) { report_.Error(field_, origin_ + message, std::move(fix)); }

  bool Build(pb::FileDescriptorProto& file) {
    for (const std::string& name : file.dependency()) {
      if (pool_.FindFileByName(name)) continue;
      Fault(Cat("file ", file.name(), " imports ", name, ", which is not among the files before it"), kMakeThem);
      return false;
    }
    if (HasNulInJsonName(file)) {
      Fault(Cat("file ", file.name(), " has a json_name with a NUL in it"), "correct it");
      return false;
    }
    const bool has_edition = file.syntax() == "editions";
    const std::optional<uint64_t> edition = EditionOf(file);
    if ((has_edition && !edition) || (edition && (*edition < kFirstEdition || *edition > kLastEdition))) {
      Fault(Cat("file ", file.name(), " has an edition that Envoy does not know"),
            "use proto3, or edition 2023 or 2024");
      return false;
    }
    // What editions add does not matter here.
    if (has_edition) file.set_syntax("proto2");
    if (HasBadRanges(file)) {
      Fault(Cat("file ", file.name(), " has a message or enum with an empty range of numbers, or more than ",
                kMostRanges, " ranges"),
            "correct its reserved and extensions");
      return false;
    }
    FirstError error;
    if (pool_.BuildFileCollectingErrors(file, &error)) {
      files_.push_back(file.name());
      return true;
    }
    Fault("the descriptors contradict themselves: " + error.text(), kMakeThem);
    return false;
  }

  bool Add(const pb::Descriptor& message) {
    if (pool_.FindFileContainingSymbol(message.full_name())) return true;
    pb::FileDescriptorProto file;
    message.file()->CopyTo(&file);
    return Build(file);
  }

  // The names of the services that there are, some of them.
  std::string Known() const {
    std::vector<std::string> names;
    size_t count = 0;
    for (const std::string& name : files_) {
      const pb::FileDescriptor* file = pool_.FindFileByName(name);
      for (int i = 0; i < file->service_count(); ++i) {
        if (++count <= kShownServices) names.push_back(file->service(i)->full_name());
      }
    }
    if (names.empty()) return "make the descriptors of a file that has services";
    const std::string more = count > kShownServices ? Cat(" and ", count - kShownServices, " more") : "";
    return Cat("the services are ", absl::StrJoin(names, ", "), more);
  }

  void CheckService(int index) {
    const std::string& name = options_.services(index);
    const std::string place = Cat("services[", index, "]");
    const pb::ServiceDescriptor* service = pool_.FindServiceByName(name);
    if (!service) return report_.Error(place, Cat(origin_, "the descriptors have no service \"", name, "\""), Known());
    bool reached = false;
    for (int i = 0; i < service->method_count(); ++i) {
      const pb::MethodDescriptor& method = *service->method(i);
      HttpRule rule;
      if (method.options().HasExtension(::google::api::http)) {
        rule = method.options().GetExtension(::google::api::http);
      } else if (options_.auto_mapping()) {
        rule.set_post(Cat("/", service->full_name(), "/", method.name()));
        rule.set_body("*");
      }
      CheckBodies(method, rule);
      reached |= CheckRule(method, rule);
    }
    if (!reached) {
      report_.Warning(place, Cat("\"", name, "\" has no method with a google.api.http, so nothing is transcoded to it"),
                      "set autoMapping: true, or add google.api.http to its methods");
    }
  }

  void CheckBodies(const pb::MethodDescriptor& method, const HttpRule& rule) {
    const auto fault = [&](const char* what, const std::string& path, const std::string& why) {
      Fault(Cat("method ", method.full_name(), ": its ", what, " is \"", path, "\", but ", why), kMendRule);
    };
    if (!Resolve(*method.input_type(), rule.body())) {
      fault("body", rule.body(), method.input_type()->full_name() + " has no such field");
    }
    const auto response = Resolve(*method.output_type(), rule.response_body());
    if (!response) {
      fault("response_body", rule.response_body(), method.output_type()->full_name() + " has no such field");
    } else if (*response && !IsHttpBody(**response)) {
      fault("response_body", rule.response_body(), "Envoy takes only fields that are a google.api.HttpBody");
    }
  }

  // Whether the rule, or one that it adds, names a path.
  bool CheckRule(const pb::MethodDescriptor& method, const HttpRule& rule) {
    bool named = false;
    if (rule.pattern_case() != HttpRule::PATTERN_NOT_SET) {
      const auto [verb, path] = PatternOf(rule);
      const std::optional<std::string> shape = ShapeOf(path);
      if (!shape) {
        Fault(Cat("method ", method.full_name(), ": its path \"", path, "\" is none that Envoy takes"), kMendRule);
        return true;
      }
      named = true;
      const auto [other, fresh] = paths_.try_emplace({verb, *shape}, method.full_name());
      if (!fresh) {
        report_.Warning(field_,
                        Cat(origin_, verb, " ", path, " is the path of ", other->second, " and of ", method.full_name(),
                            ", so it reaches neither"),
                        "give each method a path of its own, and name each service once");
      }
    }
    for (const HttpRule& more : rule.additional_bindings()) named |= CheckRule(method, more);
    return named;
  }

  const Options& options_;
  const std::string_view field_;
  const std::string& origin_;
  envoy::Reporter& report_;
  pb::DescriptorPool pool_;
  std::vector<std::string> files_;
  // The method of each verb and shape.
  std::map<std::pair<std::string, std::string>, std::string> paths_;
};

}  // namespace

void CheckDescriptors(const std::string& bytes, const Options& options, std::string_view field,
                      const std::string& origin, envoy::Reporter& report) {
  Check(options, field, origin, report).Run(bytes);
}

}  // namespace k8sgw::plugins::grpc_json
