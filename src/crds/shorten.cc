#include "src/crds/shorten.h"

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/base/text.h"
#include "src/base/yaml_scalar.h"
#include "src/crds/tree.h"

namespace k8sgw::crds {
namespace {

using yaml::Node;

constexpr std::string_view kDescription = "description";

// As Go writes text in JSON: safe to stand in HTML.
size_t TextSize(std::string_view text) {
  size_t size = 2;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r') {
      size += 2;
    } else if (static_cast<unsigned char>(c) < ' ' || c == '<' || c == '>' || c == '&') {
      size += 6;
    } else {
      ++size;
    }
  }
  return size;
}

size_t ScalarSize(const Node& node) {
  const bool text = node.quoted || yaml::ClassifyPlain(node.scalar) == yaml::ScalarType::kString;
  return text ? TextSize(node.scalar) : node.scalar.size();
}

size_t JsonSize(const Node& node) {
  if (node.is_null()) return std::string_view("null").size();
  if (node.is_scalar()) return ScalarSize(node);
  const size_t count = node.items.size() + node.entries.size();
  size_t size = 2 + (count == 0 ? 0 : count - 1);
  for (const Node& item : node.items) size += JsonSize(item);
  for (const Node::Entry& entry : node.entries) size += TextSize(entry.key) + 1 + JsonSize(entry.value);
  return size;
}

Node* Find(Node& schema, std::string_view key) { return const_cast<Node*>(schema.Find(key)); }

// The fields of a message, or of each of many, by name; nullptr if it has none.
Node* Fields(Node& schema) {
  for (const char* each : {"items", "additionalProperties"}) {
    if (Node* inner = Find(schema, each)) return Fields(*inner);
  }
  return Find(schema, "properties");
}

// What the description of a field takes, with its key and comma.
size_t TextOf(const Node& field) {
  const Node* text = field.Find(kDescription);
  return text ? TextSize(kDescription) + 2 + ScalarSize(*text) : 0;
}

size_t TextsBelow(Node& schema) {
  size_t size = 0;
  Node* fields = Fields(schema);
  if (!fields) return 0;
  for (Node::Entry& field : fields->entries) size += TextOf(field.value) + TextsBelow(field.value);
  return size;
}

void DropTextsBelow(Node& schema) {
  Node* fields = Fields(schema);
  if (!fields) return;
  for (Node::Entry& field : fields->entries) {
    std::erase_if(field.value.entries, [](const Node::Entry& entry) { return entry.key == kDescription; });
    DropTextsBelow(field.value);
  }
}

// A field whose message was explained at another path before.
struct Repeat {
  Node* field;
  std::string explained_at;
};

// By depth, and then by order. So what is inside a repeat is a repeat, too: it stands in the first one.
std::vector<Repeat> FindRepeats(Node& schema) {
  struct Place {
    Node* node;
    std::string path;
  };
  std::vector<Repeat> repeats;
  std::unordered_map<std::string, std::string> first;
  std::deque<Place> places = {{&schema, ""}};
  for (; !places.empty(); places.pop_front()) {
    const Place place = places.front();
    Node* fields = Fields(*place.node);
    if (!fields) continue;
    for (Node::Entry& field : fields->entries) {
      const std::string path = Cat(place.path, place.path.empty() ? "" : ".", field.key);
      places.push_back({&field.value, path});
      const Node* inner = Fields(field.value);
      if (!inner) continue;
      const auto [known, is_first] = first.try_emplace(yaml::EmitJson(*inner, 0), path);
      if (!is_first) repeats.push_back({&field.value, known->second});
    }
  }
  return repeats;
}

// Returns the bytes that are saved.
size_t Cut(const Repeat& repeat) {
  Node* own = Find(*repeat.field, kDescription);
  const size_t texts = TextsBelow(*repeat.field);
  const std::string hint = Cat(" Fields as in ", repeat.explained_at, ".");
  if (!own || texts <= hint.size()) return 0;
  DropTextsBelow(*repeat.field);
  own->scalar += hint;
  return texts - hint.size();
}

}  // namespace

size_t AppliedSize(const Node& definition) {
  // kubectl adds an empty list of annotations, and ends the line.
  return JsonSize(definition) + std::string_view(R"("annotations":{},)").size() + 1;
}

void Shorten(Node& schema, size_t excess) {
  const std::vector<Repeat> repeats = FindRepeats(schema);
  size_t saved = 0;
  for (auto repeat = repeats.rbegin(); repeat != repeats.rend() && saved < excess; ++repeat) saved += Cut(*repeat);
}

}  // namespace k8sgw::crds
