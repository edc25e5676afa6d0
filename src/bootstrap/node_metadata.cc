#include "src/bootstrap/node_metadata.h"

#include <utility>

#include "src/bootstrap/fields.h"

namespace k8sgw::bootstrap {
namespace {

// The mapping at `key`, made when it is not there; nullptr when it is something else.
yaml::Node* Mapping(yaml::Node* node, const std::string& key) {
  if (!node) return nullptr;
  yaml::Node* found = MutableField(node, {key});
  if (!found) {
    node->entries.push_back({key, node->mark, {}});
    found = &node->entries.back().value;
  }
  if (found->is_null()) found->kind = yaml::Node::Kind::kMapping;
  return found->is_mapping() ? found : nullptr;
}

}  // namespace

bool AddNodeMetadata(yaml::Node& tree, const std::string& field, const std::string& text) {
  if (!tree.is_mapping()) return false;
  yaml::Node* metadata = Mapping(Mapping(&tree, "node"), "metadata");
  if (!metadata || metadata->Find(field)) return false;
  yaml::Node value;
  value.kind = yaml::Node::Kind::kScalar;
  value.quoted = true;
  value.scalar = text;
  metadata->entries.push_back({field, metadata->mark, std::move(value)});
  return true;
}

}  // namespace k8sgw::bootstrap
