#include "src/discovery/patch.h"

#include <algorithm>

namespace k8sgw::discovery {
namespace {

using yaml::Node;

bool Same(const Node& a, const Node& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Node::Kind::kNull: return true;
    case Node::Kind::kScalar: return a.scalar == b.scalar && a.quoted == b.quoted;
    case Node::Kind::kSequence: return std::ranges::equal(a.items, b.items, Same);
    case Node::Kind::kMapping:
      return a.entries.size() == b.entries.size() && std::ranges::all_of(a.entries, [&](const Node::Entry& entry) {
               const Node* other = b.Find(entry.key);
               return other && Same(entry.value, *other);
             });
  }
  return false;
}

}  // namespace

Node MakeText(std::string_view text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = text;
  return node;
}

Node MakeMapping(const Labels& labels) {
  Node node;
  node.kind = Node::Kind::kMapping;
  for (const auto& [name, value] : labels) Add(node, name, MakeText(value));
  return node;
}

void Add(Node& mapping, std::string_view key, Node value) {
  mapping.kind = Node::Kind::kMapping;
  Node::Entry& entry = mapping.entries.emplace_back();
  entry.key = key;
  entry.value = std::move(value);
}

std::optional<Node> MakePatch(const Node& from, const Node& to) {
  Node patch;
  patch.kind = Node::Kind::kMapping;
  for (const Node::Entry& entry : to.entries) {
    const Node* before = from.Find(entry.key);
    if (before && Same(*before, entry.value)) continue;
    if (before && before->is_mapping() && entry.value.is_mapping()) {
      // They differ, so there is something in it.
      Add(patch, entry.key, *MakePatch(*before, entry.value));
    } else {
      Add(patch, entry.key, entry.value);
    }
  }
  for (const Node::Entry& entry : from.entries) {
    if (!to.Find(entry.key)) Add(patch, entry.key, Node());
  }
  if (patch.entries.empty()) return std::nullopt;
  return patch;
}

}  // namespace k8sgw::discovery
