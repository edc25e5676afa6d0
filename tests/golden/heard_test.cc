// Nothing is ignored in silence: every field that a user may write changes the result, or gives a problem.
//
// The golden cases are the ground. In each message of their objects, each field is set to one value after the other
// until the outcome of the case changes. A field for which that happens in no case is a fault, and so is one whose
// message no case has: nobody knows what is below it. What is below a field with a warning that it has no effect is
// not looked at, as that warning speaks for it.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "src/model/unread.h"
#include "tests/golden/field_change.h"
#include "tests/golden/golden_case.h"

namespace k8sgw::golden {
namespace {

// Fields that are meant to change nothing, with the reason: by the type of what they hold, with all that is below, ...
const std::map<std::string_view, std::string_view> kSilentTypes = {
    {"core.solo.io.Metadata", "the object's own metadata are read"},
    {"core.solo.io.NamespacedStatuses", "written by control planes"},
    {"gloo.solo.io.DiscoveryMetadata", "written by discovery"},
    {"gloo.solo.io.Settings.Directory", "read by the gloo command, before there is a translation"},
};
// ... and by their names.
constexpr char kNobodyRefers[] = "what would refer to such a Secret is not translated yet, and says so";
const std::map<std::string_view, std::string_view> kSilentFields = {
    {"gloo.solo.io.GatewayOptions.ValidationOptions.validation_server_grpc_max_size_bytes", "read by the gloo command"},
    {"enterprise.gloo.solo.io.Settings.transport_api_version", "there is one version"},
    {"gateway.solo.io.VirtualService.display_name", "for people"},
    {"gloo.solo.io.Secret.api_key", kNobodyRefers},
    {"gloo.solo.io.Secret.aws", kNobodyRefers},
    {"gloo.solo.io.Secret.azure", kNobodyRefers},
    {"gloo.solo.io.Secret.credentials", kNobodyRefers},
    {"gloo.solo.io.Secret.encryption", kNobodyRefers},
    {"gloo.solo.io.Secret.extensions", kNobodyRefers},
    {"gloo.solo.io.Secret.oauth", kNobodyRefers},
};

bool IsSilentType(const Descriptor* type) { return type && kSilentTypes.contains(type->full_name()); }

// What one can see of a translation.
struct Outcome {
  std::map<std::string, std::string> resources;
  Problems problems;
  bool operator==(const Outcome&) const = default;
};

Outcome OutcomeOf(const Pipeline& pipeline) {
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

// How problems say so of a field.
constexpr std::array<std::string_view, 4> kNoEffect = {"no effect", "is not translated", "are not known here",
                                                       "is of the Enterprise edition"};

// Whether users are told that what stands at `path` has no effect, or is refused, with all that is below.
bool SaysNoEffect(const Outcome& outcome, const ResourceKey& object, std::string_view path) {
  return std::any_of(outcome.problems.begin(), outcome.problems.end(), [&](const Problem& problem) {
    if (problem.object != object || problem.path != path) return false;
    return std::any_of(kNoEffect.begin(), kNoEffect.end(),
                       [&](std::string_view words) { return problem.message.find(words) != std::string::npos; });
  });
}

// A field, after the field that holds its message (nullptr for the spec of an object): the same message may be read in
// one place and not in another.
using Place = std::pair<const FieldDescriptor*, const FieldDescriptor*>;

// From a field to where it stands, in words.
using Complaints = std::map<const FieldDescriptor*, std::string>;

class Trial {
 public:
  // Tries the fields that the case sets, or those that it does not.
  void Run(const Case& item, bool set) {
    case_ = &item;
    set_ = set;
    base_ = OutcomeOf(item.pipeline());
    for (object_ = 0; object_ < item.objects().size(); ++object_) {
      kinds_.insert(key().kind);
      // The object itself says that it has no effect.
      if (!IsRead(key().kind)) continue;
      if (const Message* spec = SpecOf(item.objects()[object_])) Visit(*spec, {});
    }
  }

  // The fields that nobody hears, without those below them.
  Complaints Unheard() const {
    std::set<const FieldDescriptor*> somewhere;
    for (const auto& [holder, field] : heard_) somewhere.insert(field);
    Complaints all;
    for (const auto& [place, words] : unheard_) {
      if (!vague_.contains(place) || !somewhere.contains(place.second)) all.emplace(place.second, words);
    }
    Complaints out;
    for (const auto& [place, words] : unheard_) {
      if (all.contains(place.second) && !all.contains(place.first)) out.emplace(place.second, words);
    }
    // Messages that hold each other must not excuse each other.
    return out.empty() ? all : out;
  }

  // The fields that are heard, but no case shows what is in them.
  Complaints Unknown() const {
    Complaints out;
    for (const auto& [field, words] : promising_) {
      if (!visited_.contains(field)) out.emplace(field, words);
    }
    return out;
  }

  const std::set<Kind>& kinds() const { return kinds_; }

 private:
  const ResourceKey& key() const { return case_->objects()[object_].key; }

  std::string Words(const Path& path) const {
    return case_->Name() + ", " + key().ToString() + (path.empty() ? "" : ": ") + PathText(path);
  }

  void Visit(const Message& message, const Path& path) {
    const auto* type = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    if (IsPlain(type)) return;
    if (!path.empty()) visited_.insert(path.back().first);
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      const bool is_set = IsSet(message, field);
      if (is_set == set_) Try(field, path);
      if (!is_set || field->is_map() || !field->message_type() || IsSilentType(field->message_type())) continue;
      const int size = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int k = 0; k < size; ++k) {
        Path below = path;
        below.emplace_back(field, k);
        if (SaysNoEffect(base_, key(), PathText(path, field)) || SaysNoEffect(base_, key(), PathText(below))) continue;
        Visit(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, k)
                                   : reflection->GetMessage(message, field),
              below);
      }
    }
  }

  void Try(const FieldDescriptor* field, const Path& path) {
    const Place place{path.empty() ? nullptr : path.back().first, field};
    if (IsSilentType(field->message_type()) || heard_.contains(place)) return;
    if (!set_ && ++tries_[place] > kMostTries) return;
    const bool holds_message = field->message_type() && !IsPlain(field->message_type());
    // A member of a oneof takes the place of another: it must say more than that the other is gone.
    const auto* oneof = field->real_containing_oneof();
    const Outcome without = !oneof ? base_ : Translate([&](Message* spec) {
      Message* message = Follow(spec, path);
      message->GetReflection()->ClearOneof(message, oneof);
    });
    if (oneof && set_ && holds_message && without != base_) return Hear(place, path, base_);
    // Of a value it is not enough that somebody looks whether it is there.
    const bool has_value = !holds_message && !field->is_repeated();
    for (int variant = set_ && !has_value ? 0 : 1; variant < kVariants; ++variant) {
      const Outcome outcome = Translate([&](Message* spec) { ChangeField(Follow(spec, path), field, variant); });
      if (outcome != without && outcome != base_) return Hear(place, path, outcome);
    }
    if (holds_message && !set_) vague_.insert(place);
    unheard_.emplace(place, Words(path));
  }

  void Hear(const Place& place, const Path& path, const Outcome& outcome) {
    const FieldDescriptor* field = place.second;
    heard_.insert(place);
    unheard_.erase(place);
    if (set_) return;
    const auto* type = field->is_map() ? field->message_type()->map_value()->message_type() : field->message_type();
    if (!type || IsPlain(type) || type->field_count() == 0) return;
    const std::string text = PathText(path, field);
    if (SaysNoEffect(outcome, key(), text) || SaysNoEffect(outcome, key(), text + "[0]")) return;
    promising_.emplace(field, Words(path));
  }

  Outcome Translate(const Mutation& mutation) const {
    Pipeline pipeline(case_->pipeline_options());
    for (size_t i = 0; i < case_->objects().size(); ++i) {
      const Change& object = case_->objects()[i];
      pipeline.StageAndTell(i == object_ ? Changed(object, mutation) : object);
    }
    case_->StageModules(pipeline);
    pipeline.Commit();
    return OutcomeOf(pipeline);
  }

  // In so many places a field is tried where no case sets it: more would only take time.
  static constexpr int kMostTries = 3;

  // Where we are.
  const Case* case_ = nullptr;
  bool set_ = false;
  Outcome base_;
  size_t object_ = 0;

  // What we have seen.
  std::set<Kind> kinds_;
  std::set<const FieldDescriptor*> visited_;
  std::map<Place, int> tries_;
  std::set<Place> heard_;
  std::map<Place, std::string> unheard_;
  // Tried with empty messages only: what is heard elsewhere need not be heard here.
  std::set<Place> vague_;
  // Heard with an empty message.
  Complaints promising_;
};

TEST(GoldenFields, AreHeard) {
  std::vector<Case> cases;
  for (const auto& path : Case::FindAll()) {
    Case item(path);
    if (item.MayFail()) continue;
    item.Run();
    cases.push_back(std::move(item));
  }
  Trial trial;
  // What a case sets is most likely heard there, and then need not be tried anywhere else.
  for (const bool set : {true, false}) {
    for (const Case& item : cases) trial.Run(item, set);
  }
  std::set<std::string_view> silent;
  for (const auto& [field, words] : trial.Unheard()) {
    if (kSilentFields.contains(field->full_name())) {
      silent.insert(field->full_name());
    } else {
      ADD_FAILURE() << field->full_name() << " changes nothing, as in " << words
                    << ": translate it, give a warning, or show in a golden case what it does";
    }
  }
  for (const auto& [field, reason] : kSilentFields) {
    EXPECT_TRUE(silent.contains(field)) << field << " is heard, or no case could have it: take it from the list";
  }
  for (const auto& [field, words] : trial.Unknown()) {
    ADD_FAILURE() << "no golden case shows what is in " << field->full_name() << ", which could stand in " << words;
  }
  Pipeline pipeline({});
  for (const KindInfo& info : AllKinds()) {
    Change gone;
    gone.key = {info.kind, "default", "a"};
    EXPECT_TRUE(!pipeline.Stage(gone) || trial.kinds().contains(info.kind))
        << "no golden case has an object of the kind " << KindName(info.kind);
  }
}

}  // namespace
}  // namespace k8sgw::golden
