#include "src/base/yaml.h"

namespace k8sgw::yaml {
namespace {

// "route_table" finds "routeTable", and the reverse.
bool SameName(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && a[i] == '_') {
      ++i;
    } else if (j < b.size() && b[j] == '_') {
      ++j;
    } else if (i == a.size() || j == b.size() || (a[i++] | 0x20) != (b[j++] | 0x20)) {
      return false;
    }
  }
  return true;
}

// Takes the first step off a path: `name`, `[3]` or `["key"]`.
std::string_view TakeStep(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  size_t end = std::string_view::npos;
  if (path.starts_with("[\"")) {
    end = path.find("\"]", 2);
    end = end == std::string_view::npos ? end : end + 2;
  } else if (path.starts_with('[')) {
    end = path.find(']');
    end = end == std::string_view::npos ? end : end + 1;
  } else {
    end = path.find_first_of(".[");
  }
  const std::string_view step = path.substr(0, end);
  path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  return step;
}

const Node::Entry* FindEntry(const Node& node, std::string_view name) {
  const Node::Entry* similar = nullptr;
  for (const Node::Entry& entry : node.entries) {
    if (entry.key == name) return &entry;
    if (SameName(entry.key, name)) similar = &entry;
  }
  return similar;
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string_view Node::FindScalar(std::string_view key) const {
  const Node* node = Find(key);
  return node && node->is_scalar() ? std::string_view(node->scalar) : std::string_view();
}

Mark Node::Locate(std::string_view path) const {
  const Node* node = this;
  Mark at = mark;
  while (!path.empty()) {
    std::string_view step = TakeStep(path);
    if (step.size() > 2 && step.front() == '[' && step[1] != '"') {
      size_t index = 0;
      for (char c : step.substr(1, step.size() - 2)) index = index * 10 + static_cast<size_t>(c - '0');
      if (!node->is_sequence() || index >= node->items.size()) break;
      node = &node->items[index];
      at = node->mark;
      continue;
    }
    if (step.starts_with("[\"")) step = step.substr(2, step.size() - 4);
    const Entry* found = FindEntry(*node, step);
    if (!found) break;
    node = &found->value;
    at = found->mark;
  }
  return at;
}

}  // namespace k8sgw::yaml
