#include "src/status/entry_json.h"

#include <simdjson.h>

#include <optional>
#include <utility>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/sources/kube/decode.h"

namespace k8sgw::status {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::SUCCESS;

// An entry, and one for each proxy within it.
constexpr int kDepth = 2;
// States of Form::kAlone by their names there.
constexpr std::pair<State, std::string_view> kStatesAlone[] = {
    {State::kPending, "PENDING"}, {State::kAccepted, "ACCEPTED"}, {State::kRejected, "REJECTED"}};
// Who speaks of kinds with this form, which does not say so.
constexpr char kReporterAlone[] = "gloo";
// What the parser may keep between two texts.
constexpr size_t kKeptCapacity = 4 << 20;

bool ReadText(ondemand::value value, std::string& text) {
  std::string_view view;
  if (value.get_string().get(view) != SUCCESS) return false;
  text.assign(view);
  return true;
}

bool ReadState(ondemand::value value, State& state) {
  std::string_view word;
  if (value.get_string().get(word) != SUCCESS) return false;
  for (const State known : {State::kPending, State::kAccepted, State::kRejected, State::kWarning}) {
    if (word != StateName(known)) continue;
    state = known;
    return true;
  }
  return false;
}

// Calls `take` with each field; whether all went well.
template <class Take>
bool EachField(ondemand::value value, Take take) {
  ondemand::object object;
  if (value.get_object().get(object) != SUCCESS) return false;
  for (auto field : object) {
    std::string_view key;
    ondemand::value inner;
    if (field.unescaped_key().get(key) != SUCCESS || field.value().get(inner) != SUCCESS) return false;
    take(key, inner);
  }
  return true;
}

// False when it is not as we would write it; what can be read is read nevertheless.
bool ReadEntry(ondemand::value value, int depth, Entry& entry) {
  bool ours = true;
  const bool whole = EachField(value, [&](std::string_view key, ondemand::value field) {
    if (key == "state") {
      ours &= ReadState(field, entry.state);
    } else if (key == "reason") {
      ours &= ReadText(field, entry.reason);
    } else if (key == "reportedBy") {
      ours &= ReadText(field, entry.reported_by);
    } else if (key == "subresourceStatuses") {
      ours &= depth > 1 && EachField(field, [&](std::string_view name, ondemand::value inner) {
                ours &= ReadEntry(inner, depth - 1, entry.subresources[std::string(name)]);
              });
    } else if (key == "details" || key == "messages" || key == "Messages") {
      ours = false;
    }
  });
  return ours && whole;
}

std::string Quote(std::string_view text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = text;
  return yaml::EmitJson(node, 0);
}

// Every field that an entry may have is there, as null when it has none, so nothing of an older entry stays.
void AppendEntry(const Entry& entry, const std::vector<Name>& found, std::string& out) {
  out += Cat(R"({"state":")", StateName(entry.state), R"(","reason":)",
             entry.reason.empty() ? "null" : Quote(entry.reason), R"(,"reportedBy":)", Quote(entry.reported_by),
             R"(,"details":null,"messages":null,"Messages":null,"subresourceStatuses":)");
  if (entry.subresources.empty()) {
    out += "null}";
    return;
  }
  char separator = '{';
  for (const auto& [name, inner] : entry.subresources) {
    out += Cat(std::string_view(&separator, 1), Quote(name), ":");
    AppendEntry(inner, {}, out);
    separator = ',';
  }
  for (const Name& name : found) {
    if (!entry.subresources.contains(name)) out += Cat(",", Quote(name.str()), ":null");
  }
  out += "}}";
}

// What is said of another generation of the object does not count.
Found ReadAlone(ondemand::document& document) {
  Found found;
  ondemand::object root;
  if (document.get_object().get(root) != SUCCESS) return found;
  ondemand::value value;
  if (root.find_field_unordered("metadata").get(value) != SUCCESS ||
      value.find_field_unordered("generation").get_int64().get(found.generation) != SUCCESS ||
      root.find_field_unordered("status").get(value) != SUCCESS) {
    return found;
  }
  Entry entry;
  entry.reported_by = kReporterAlone;
  std::string_view word;
  int64_t observed = -1;
  bool ours = true;
  const bool whole = EachField(value, [&](std::string_view key, ondemand::value field) {
    if (key == "state") {
      ours &= field.get_string().get(word) == SUCCESS;
    } else if (key == "message") {
      ours &= ReadText(field, entry.reason);
    } else if (key == "observedGeneration") {
      ours &= field.get_int64().get(observed) == SUCCESS;
    }
  });
  for (const auto& [state, name] : kStatesAlone) {
    if (word != name || !ours || !whole || observed != found.generation) continue;
    entry.state = state;
    found.hash = entry.Hash();
  }
  return found;
}

std::string PatchAlone(std::string_view uid, const Entry& entry, int64_t generation) {
  std::string_view name;
  for (const auto& [state, its_name] : kStatesAlone) {
    if (state == entry.state) name = its_name;
  }
  return Cat(R"({"metadata":{"uid":)", Quote(uid), R"(},"status":{"state":")", name, R"(","message":)",
             entry.reason.empty() ? "null" : Quote(entry.reason), R"(,"observedGeneration":)", generation, "}}");
}

}  // namespace

struct EntryReader::Parser {
  ondemand::parser ondemand;
};

EntryReader::EntryReader(std::string ns) : ns_(std::move(ns)), parser_(std::make_unique<Parser>()) {}
EntryReader::~EntryReader() = default;

Found EntryReader::Read(std::string_view padded, Form form) {
  if (parser_->ondemand.capacity() > kKeptCapacity && padded.size() <= kKeptCapacity) {
    parser_ = std::make_unique<Parser>();
  }
  ondemand::document document;
  ondemand::value value;
  const simdjson::padded_string_view text(padded.data(), padded.size(), padded.size() + kube::kJsonPadding);
  if (parser_->ondemand.iterate(text).get(document) != SUCCESS) return {};
  if (form == Form::kAlone) return ReadAlone(document);
  if (document.get_value().get(value) != SUCCESS) return {};
  for (const std::string_view step : {std::string_view("status"), std::string_view("statuses")}) {
    ondemand::value inner;
    if (value.find_field_unordered(step).get(inner) != SUCCESS) return {};
    value = inner;
  }
  // Looked for one by one: a name may be escaped, and there are few.
  Found found;
  EachField(value, [&](std::string_view key, ondemand::value inner) {
    if (key != ns_) return;
    Entry entry;
    found.hash = ReadEntry(inner, kDepth, entry) ? entry.Hash() : 0;
    for (const auto& [name, subresource] : entry.subresources) found.subresources.emplace_back(name);
  });
  return found;
}

Found EntryReader::ReadCopy(std::string_view json, Form form) { return Read(simdjson::padded_string(json), form); }

std::string PatchOf(std::string_view ns, std::string_view uid, const Entry& entry, const Found& found, Form form) {
  if (form == Form::kAlone) return PatchAlone(uid, entry, found.generation);
  std::string out = Cat(R"({"metadata":{"uid":)", Quote(uid), R"(},"status":{"statuses":{)", Quote(ns), ":");
  AppendEntry(entry, found.subresources, out);
  return out + "}}}";
}

}  // namespace k8sgw::status
