#include "src/envoy/plugin.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/map.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/proto_codec.h"

namespace k8sgw::envoy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Which fields are translated, gathered from all plugins once.
struct Claims {
  std::set<std::string_view> fields;
  // The messages that hold claimed fields: their other fields are not translated.
  std::set<std::string_view> messages;
  std::set<std::string_view> not_yet;
};

// What the core translates itself.
constexpr std::string_view kCoreClaims[] = {
    "gloo.solo.io.Upstream.metadata",
    "gloo.solo.io.Upstream.namespaced_statuses",
    "gloo.solo.io.Upstream.discovery_metadata",
};

template <class List>
bool Contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// Options that keep requests out. A route must not be served as if they were not there: as published for what only the
// Enterprise edition translates, they are errors.
constexpr std::string_view kGuards[] = {
    "jwt", "jwt_staged", "jwt_providers_staged", "rbac", "waf",
};
constexpr std::string_view kGuardedMessages[] = {
    "gloo.solo.io.RouteOptions",
    "gloo.solo.io.VirtualHostOptions",
    "gloo.solo.io.WeightedDestinationOptions",
};

bool IsSwitchedOff(const Message& guard) {
  for (const char* name : {"disable", "disabled"}) {
    const FieldDescriptor* field = guard.GetDescriptor()->FindFieldByName(name);
    if (field && !field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL &&
        guard.GetReflection()->GetBool(guard, field)) {
      return true;
    }
  }
  return false;
}

bool IsGuard(const Message& options, const FieldDescriptor& field) {
  if (field.full_name() != "gloo.solo.io.HttpListenerOptions.waf" &&
      (!Contains(kGuardedMessages, options.GetDescriptor()->full_name()) || !Contains(kGuards, field.name()))) {
    return false;
  }
  return field.is_repeated() || !IsSwitchedOff(options.GetReflection()->GetMessage(options, &field));
}

const Claims& AllClaims() {
  static const Claims* claims = [] {
    auto* all = new Claims;
    all->fields.insert(std::begin(kCoreClaims), std::end(kCoreClaims));
    for (const Plugin* plugin : AllPlugins()) {
      for (std::string_view field : plugin->claims) {
        all->fields.insert(field);
        all->messages.insert(field.substr(0, field.rfind('.')));
      }
      all->not_yet.insert(plugin->not_yet.begin(), plugin->not_yet.end());
    }
    return all;
  }();
  return *claims;
}

// Published, but one limit counts for all regexes.
constexpr std::string_view kProgramSize = "solo.io.envoy.type.matcher.v3.RegexMatcher.GoogleRE2.max_program_size";

constexpr char kNotYet[] = "is not translated yet, so it has no effect";
constexpr char kUnguarded[] = "is not translated, and requests must not come in without it";

void Walk(const Message& message, const std::string& path, Reporter& report) {
  const Claims& claims = AllClaims();
  const auto* reflection = message.GetReflection();
  const bool is_claimed_message = claims.messages.contains(message.GetDescriptor()->full_name());
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string field_path = JoinPath(path, field->json_name());
    if (claims.not_yet.contains(field->full_name()) ||
        (is_claimed_message && !claims.fields.contains(field->full_name()))) {
      if (IsGuard(message, *field)) {
        report.Error(field_path, kUnguarded, "remove it, if the requests may come in without it");
      } else {
        report.Notice(field_path, kNotYet, "remove it until it is");
      }
      continue;
    }
    if (field->full_name() == kProgramSize) {
      report.Notice(field_path, "has no effect, because one limit counts for all regexes",
                    "remove it, or set gloo.regexMaxProgramSize in Settings");
      continue;
    }
    if (field->is_map() || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Walk(reflection->GetRepeatedMessage(message, field, i), field_path + "[" + std::to_string(i) + "]", report);
      }
    } else {
      Walk(reflection->GetMessage(message, field), field_path, report);
    }
  }
}

HttpListenerArgs::Filter MakeFilter(FilterPlace place, std::string_view name, const Message& config) {
  return {place, std::string(name), "type.googleapis.com/" + config.GetDescriptor()->full_name(),
          SerializeDeterministic(config)};
}

}  // namespace

void PackAny(const Message& message, google::protobuf::Any* any) {
  any->set_type_url("type.googleapis.com/" + message.GetDescriptor()->full_name());
  any->set_value(SerializeDeterministic(message));
}

void PerFilterConfig::Set(std::string_view filter, const Message& config) {
  SetIfThere(filter, config);
  needs_.emplace(filter);
}

void PerFilterConfig::SetIfThere(std::string_view filter, const Message& config) {
  PackAny(config, &map_[std::string(filter)]);
}

bool PerFilterConfig::Has(std::string_view filter) const { return map_.contains(std::string(filter)); }

bool RouteArgs::RequireAction(std::string_view field) const {
  if (action) return true;
  report.Warning(field, "has no effect, because the route does not forward requests",
                 "remove it, or give the route a routeAction");
  return false;
}

void HttpListenerArgs::AddFilter(FilterPlace place, std::string_view name, const Message& config) const {
  filters_out.push_back(MakeFilter(place, name, config));
}

void HttpListenerArgs::AddDisabledFilter(FilterPlace place, std::string_view name, const Message& config) const {
  AddFilter(place, name, config);
  filters_out.back().disabled = true;
}

void HttpListenerArgs::AddNetworkFilter(FilterPlace place, std::string_view name, const Message& config) const {
  network_filters_out.push_back(MakeFilter(place, name, config));
}

bool HttpListenerArgs::KeepUnusedFilters() const { return !context.settings().gloo().remove_unused_filters().value(); }

void WarnUntranslated(const Message& options, Reporter& report) { Walk(options, "", report); }

}  // namespace k8sgw::envoy
