#include "src/json/tree.h"

#include <simdjson.h>

#include <set>

#include "src/base/text.h"

namespace k8sgw::yaml {
namespace {

namespace ondemand = simdjson::ondemand;
using ondemand::json_type;

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

// From here on a set is quicker than looking at all keys.
constexpr size_t kFewKeys = 16;

class Builder {
 public:
  explicit Builder(SkipField skip) : skip_(skip) {}

  bool Read(ondemand::value value, int depth, std::string_view parent, Node& out) {
    if (depth > kMaxDepth) return Fail("it is nested too deeply");
    if (++nodes_ > kMaxNodes) return Fail("it has too many values");
    json_type type;
    if (Failed(value.type().get(type))) return false;
    switch (type) {
      case json_type::object: return ReadObject(value, depth, parent, out);
      case json_type::array: return ReadArray(value, depth, parent, out);
      case json_type::string: {
        std::string_view text;
        if (Failed(value.get_string().get(text))) return false;
        out.quoted = true;
        return SetScalar(text, out);
      }
      case json_type::number: {
        // Reading it as a number checks its form.
        ondemand::number number;
        std::string_view token = value.raw_json_token();
        if (Failed(value.get_number().get(number))) return false;
        return SetScalar(token.substr(0, token.find_last_not_of(" \t\r\n") + 1), out);
      }
      case json_type::boolean: {
        bool truth = false;
        if (Failed(value.get_bool().get(truth))) return false;
        return SetScalar(truth ? "true" : "false", out);
      }
      case json_type::null: {
        bool null = false;
        return !Failed(value.is_null().get(null)) && (null || Fail("a value cannot be read"));
      }
    }
    return Fail("a value cannot be read");
  }

  const std::string& error() const { return error_; }
  bool Failed(simdjson::error_code code) { return code != simdjson::SUCCESS && !Fail(simdjson::error_message(code)); }

 private:
  bool Fail(std::string_view what) {
    if (error_.empty()) error_ = what;
    return false;
  }

  static bool SetScalar(std::string_view text, Node& out) {
    out.kind = Node::Kind::kScalar;
    out.scalar = text;
    return true;
  }

  bool ReadArray(ondemand::value value, int depth, std::string_view parent, Node& out) {
    out.kind = Node::Kind::kSequence;
    ondemand::array array;
    if (Failed(value.get_array().get(array))) return false;
    for (auto element : array) {
      ondemand::value item;
      if (Failed(element.get(item)) || !Read(item, depth + 1, parent, out.items.emplace_back())) return false;
    }
    return true;
  }

  bool ReadObject(ondemand::value value, int depth, std::string_view parent, Node& out) {
    out.kind = Node::Kind::kMapping;
    ondemand::object object;
    if (Failed(value.get_object().get(object))) return false;
    std::set<std::string, std::less<>> seen;
    for (auto field : object) {
      std::string_view key;
      ondemand::value member;
      if (Failed(field.unescaped_key().get(key)) || Failed(field.value().get(member))) return false;
      if (skip_ && skip_(depth, parent, key)) continue;
      const bool few = out.entries.size() < kFewKeys;
      if (!few && seen.empty()) {
        for (const Node::Entry& entry : out.entries) seen.insert(entry.key);
      }
      if (few ? out.Find(key) != nullptr : !seen.emplace(key).second) {
        return Fail(Cat("the key \"", key, "\" stands twice"));
      }
      Node::Entry& entry = out.entries.emplace_back();
      entry.key = key;
      // The text of the key may be overwritten by what is read next; the entry's own copy may move with the vector.
      const std::string name = entry.key;
      Node child;
      if (!Read(member, depth + 1, name, child)) return false;
      out.entries.back().value = std::move(child);
    }
    return true;
  }

  const SkipField skip_;
  int nodes_ = 0;
  std::string error_;
};

}  // namespace

absl::StatusOr<Node> FromJson(std::string_view padded, SkipField skip) {
  // Kept between calls, as its buffers are what costs.
  thread_local ondemand::parser parser;
  Builder builder(skip);
  Node root;
  ondemand::document document;
  ondemand::value value;
  const simdjson::padded_string_view text(padded.data(), padded.size(), padded.size() + kJsonPadding);
  const bool good = !builder.Failed(parser.iterate(text).get(document)) &&
                    !builder.Failed(document.get_value().get(value)) && builder.Read(value, 0, "", root);
  if (good && (document.current_location().error() == simdjson::OUT_OF_BOUNDS)) return root;
  return absl::DataLossError(Cat("no JSON object: ", good ? "something follows it" : builder.error()));
}

}  // namespace k8sgw::yaml
