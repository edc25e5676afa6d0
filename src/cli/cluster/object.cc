#include "src/cli/cluster/object.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/strings/match.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr std::array<std::string_view, 4> kStates = {"Pending", "Accepted", "Rejected", "Warning"};

// Numbers are what protobuf writes where enums are asked for as such; RateLimitConfigs have capitals.
std::string StateOf(const Node& status) {
  const std::string text(status.FindScalar("state"));
  for (const std::string_view state : kStates) {
    if (absl::EqualsIgnoreCase({state.data(), state.size()}, text)) return std::string(state);
  }
  if (text.size() == 1 && text[0] >= '0' && text[0] < '4') return std::string(kStates[text[0] - '0']);
  return text.empty() ? std::string(kStates[0]) : text;
}

void Join(std::string& reason, const std::string& more) {
  if (more.empty() || reason.find(more) != std::string::npos) return;
  reason += (reason.empty() ? "" : "\n") + more;
}

ObjectStatus ReadStatus(const Node& status) {
  ObjectStatus out{StateOf(status), std::string(status.FindScalar("reason"))};
  Join(out.reason, std::string(status.FindScalar("message")));
  for (const Node& message : ItemsAt(status, {"messages"})) Join(out.reason, message.scalar);
  // How the object does in each proxy; what holds for the object as a whole stands there again.
  if (const Node* subresources = status.Find("subresourceStatuses")) {
    for (const Node::Entry& entry : subresources->entries) {
      const ObjectStatus one = ReadStatus(entry.value);
      const bool worse = one.state == "Rejected" || (one.state == "Warning" && out.state != "Rejected");
      if (worse) out.state = one.state;
      if (one.state == "Rejected" || one.state == "Warning") Join(out.reason, one.reason);
    }
  }
  return out;
}

}  // namespace

const Node* At(const Node& node, std::initializer_list<std::string_view> keys) {
  const Node* found = &node;
  for (const std::string_view key : keys) {
    found = found->Find(key);
    if (!found) return nullptr;
  }
  return found;
}

std::string TextAt(const Node& node, std::initializer_list<std::string_view> keys) {
  const Node* found = At(node, keys);
  return found ? found->scalar : "";
}

const std::vector<Node>& ItemsAt(const Node& node, std::initializer_list<std::string_view> keys) {
  static const std::vector<Node>& none = *new std::vector<Node>();
  const Node* found = At(node, keys);
  return found ? found->items : none;
}

long NumberAt(const Node& node, std::initializer_list<std::string_view> keys) {
  const std::string text = TextAt(node, keys);
  long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool IsTrueAt(const Node& node, std::initializer_list<std::string_view> keys) {
  return yaml::ParseBool(TextAt(node, keys)).value_or(false);
}

std::string NameOf(const Node& object) { return TextAt(object, {"metadata", "name"}); }
std::string NamespaceOf(const Node& object) { return TextAt(object, {"metadata", "namespace"}); }

std::string PathOf(const Node& object) {
  const std::string ns = NamespaceOf(object);
  return ns.empty() ? NameOf(object) : ns + "/" + NameOf(object);
}

std::map<std::string, ObjectStatus> StatusesOf(const Node& object) {
  std::map<std::string, ObjectStatus> out;
  const Node* status = object.Find("status");
  if (!status || !status->is_mapping()) return out;
  if (status->Find("state")) out[""] = ReadStatus(*status);
  if (const Node* statuses = status->Find("statuses")) {
    for (const Node::Entry& entry : statuses->entries) out[entry.key] = ReadStatus(entry.value);
  }
  return out;
}

Node MakeMap() {
  Node node;
  node.kind = Node::Kind::kMapping;
  return node;
}

Node MakeList(std::vector<Node> items) {
  Node node;
  node.kind = Node::Kind::kSequence;
  node.items = std::move(items);
  return node;
}

Node MakeText(std::string text) {
  Node node = MakePlain(std::move(text));
  node.quoted = true;
  return node;
}

Node MakePlain(std::string text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(text);
  return node;
}

Node& Put(Node& map, std::string key, Node value) {
  map.entries.push_back({std::move(key), {}, std::move(value)});
  return map.entries.back().value;
}

void PutText(Node& map, std::string key, std::string text) {
  if (!text.empty()) Put(map, std::move(key), MakeText(std::move(text)));
}

Node& MapAt(Node& map, std::string_view key) {
  const auto it = std::find_if(map.entries.begin(), map.entries.end(), [&](const auto& e) { return e.key == key; });
  return it != map.entries.end() ? it->value : Put(map, std::string(key), MakeMap());
}

Node MakeObject(std::string_view api_version, std::string_view kind, const std::string& ns, const std::string& name) {
  Node object = MakeMap();
  PutText(object, "apiVersion", std::string(api_version));
  PutText(object, "kind", std::string(kind));
  Node metadata = MakeMap();
  PutText(metadata, "name", name);
  PutText(metadata, "namespace", ns);
  Put(object, "metadata", std::move(metadata));
  return object;
}

}  // namespace k8sgw::cli
