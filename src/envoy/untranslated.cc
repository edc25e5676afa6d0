#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/envoy/plugin.h"

namespace k8sgw::envoy {
namespace {

using google::protobuf::Descriptor;
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

// What is to be looked at in messages of a type: fields that are not translated, and those that may hold such fields.
struct Plan {
  struct Field {
    const FieldDescriptor* field;
    enum class What { kNotTranslated, kProgramSize, kHoldsSome } what;
  };
  std::vector<Field> fields;
};

// Of all types that can be in a message of type `root`.
class Plans {
 public:
  explicit Plans(const Descriptor* root) {
    Collect(root);
    // A field counts when its type has fields that count; types may hold each other.
    for (bool more = true; more;) {
      more = false;
      for (auto& [type, plan] : plans_) more = AddHolders(*type, plan) || more;
    }
    std::erase_if(plans_, [](const auto& entry) { return entry.second.fields.empty(); });
  }

  const Plan* Of(const Descriptor* type) const {
    const auto found = plans_.find(type);
    return found == plans_.end() ? nullptr : &found->second;
  }

 private:
  static bool IsWalked(const FieldDescriptor& field) {
    return !field.is_map() && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  }

  void Collect(const Descriptor* type) {
    const auto [entry, is_new] = plans_.try_emplace(type);
    if (!is_new) return;
    const Claims& claims = AllClaims();
    const bool is_claimed = claims.messages.contains(type->full_name());
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (claims.not_yet.contains(field->full_name()) || (is_claimed && !claims.fields.contains(field->full_name()))) {
        entry->second.fields.push_back({field, Plan::Field::What::kNotTranslated});
      } else if (field->full_name() == kProgramSize) {
        entry->second.fields.push_back({field, Plan::Field::What::kProgramSize});
      } else if (IsWalked(*field)) {
        Collect(field->message_type());
      }
    }
  }

  bool AddHolders(const Descriptor& type, Plan& plan) {
    bool added = false;
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor* field = type.field(i);
      const auto is_known = [&](const Plan::Field& known) { return known.field == field; };
      if (!IsWalked(*field) || std::any_of(plan.fields.begin(), plan.fields.end(), is_known)) continue;
      const auto held = plans_.find(field->message_type());
      if (held == plans_.end() || held->second.fields.empty()) continue;
      plan.fields.push_back({field, Plan::Field::What::kHoldsSome});
      added = true;
    }
    // Problems come in the order of fields.
    std::sort(plan.fields.begin(), plan.fields.end(),
              [](const Plan::Field& a, const Plan::Field& b) { return a.field->number() < b.field->number(); });
    return added;
  }

  std::map<const Descriptor*, Plan> plans_;
};

const Plans& PlansFor(const Descriptor* root) {
  thread_local std::map<const Descriptor*, Plans> all;
  return all.try_emplace(root, root).first->second;
}

void Walk(const Message& message, const Plans& plans, const std::string& path, Reporter& report) {
  const Plan* plan = plans.Of(message.GetDescriptor());
  if (!plan) return;
  const auto* reflection = message.GetReflection();
  for (const auto& [field, what] : plan->fields) {
    if (field->is_repeated() ? reflection->FieldSize(message, field) == 0 : !reflection->HasField(message, field)) {
      continue;
    }
    const std::string field_path = JoinPath(path, field->json_name());
    if (what == Plan::Field::What::kNotTranslated) {
      if (IsGuard(message, *field)) {
        report.Error(field_path, kUnguarded, "remove it, if the requests may come in without it");
      } else {
        report.Notice(field_path, kNotYet, "remove it until it is");
      }
    } else if (what == Plan::Field::What::kProgramSize) {
      report.Notice(field_path, "has no effect, because one limit counts for all regexes",
                    "remove it, or set gloo.regexMaxProgramSize in Settings");
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Walk(reflection->GetRepeatedMessage(message, field, i), plans, field_path + "[" + std::to_string(i) + "]",
             report);
      }
    } else {
      Walk(reflection->GetMessage(message, field), plans, field_path, report);
    }
  }
}

}  // namespace

void WarnUntranslated(const Message& options, Reporter& report) {
  Walk(options, PlansFor(options.GetDescriptor()), "", report);
}

}  // namespace k8sgw::envoy
