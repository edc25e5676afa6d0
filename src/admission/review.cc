#include "src/admission/review.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/json/tree.h"
#include "src/model/custom_resources.h"
#include "src/model/decode.h"

namespace k8sgw::admission {
namespace {

using yaml::Node;

constexpr char kSkipAnnotation[] = "gateway.solo.io/skip_validation";
constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";
const Node kNothing;

absl::Status Unusable(std::string_view why) { return absl::InvalidArgumentError(std::string(why)); }

// Objects stand at request.object and request.oldObject, or below their `items`.
bool IsBookkeeping(int depth, std::string_view parent, std::string_view key) {
  switch (depth) {
    case 2: return key == "status" && (parent == "object" || parent == "oldObject");
    case 4:
      if (parent == "items") return key == "status";
      return parent == "annotations" && key == kLastApplied;
    case 3:
    case 5: return parent == "metadata" && key == "managedFields";
    case 6: return parent == "annotations" && key == kLastApplied;
    default: return false;
  }
}

void Prune(Node& node, int depth, std::string_view parent) {
  for (Node& item : node.items) Prune(item, depth + 1, parent);
  std::erase_if(node.entries, [&](const Node::Entry& entry) { return IsBookkeeping(depth, parent, entry.key); });
  for (Node::Entry& entry : node.entries) Prune(entry.value, depth + 1, entry.key);
}

absl::StatusOr<Node> ReadTree(std::string_view padded, Format format) {
  // Each value but the first stands behind one of these, or behind the line break of a YAML list or mapping.
  const char line_break = format == Format::kJson ? ',' : '\n';
  const auto is_mark = [&](char c) { return c == '[' || c == '{' || c == ',' || c == ':' || c == line_break; };
  if (static_cast<size_t>(std::count_if(padded.begin(), padded.end(), is_mark)) > kMostSeparators)
    return Unusable("the review has too many values");
  if (format == Format::kJson) {
    absl::StatusOr<Node> tree = yaml::FromJson(padded, IsBookkeeping);
    if (!tree.ok()) return Unusable(std::string_view(tree.status().message().data(), tree.status().message().size()));
    return tree;
  }
  yaml::Stream stream = yaml::Parse(padded);
  if (!stream.ok) return Unusable(stream.error.message);
  if (stream.documents.size() != 1) return Unusable("expected one YAML document");
  Prune(stream.documents.front(), 0, "");
  return std::move(stream.documents.front());
}

const Node& At(const Node& node, std::string_view key) {
  const Node* found = node.Find(key);
  return found ? *found : kNothing;
}

// The value, which the mapping loses; a null when it has none.
Node Take(Node& mapping, std::string_view key) {
  for (Node::Entry& entry : mapping.entries) {
    if (entry.key == key) return std::move(entry.value);
  }
  return {};
}

bool Same(const Node& a, const Node& b) {
  return a.kind == b.kind && a.scalar == b.scalar &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), Same) &&
         std::equal(
             a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
             [](const Node::Entry& x, const Node::Entry& y) { return x.key == y.key && Same(x.value, y.value); });
}

// Whether translation would see no difference.
bool SameContent(const Node& a, const Node& b) {
  const Node& meta_a = At(a, "metadata");
  const Node& meta_b = At(b, "metadata");
  return Same(At(meta_a, "labels"), At(meta_b, "labels")) &&
         Same(At(meta_a, "annotations"), At(meta_b, "annotations")) && Same(At(a, "spec"), At(b, "spec"));
}

void Set(Node& object, std::string_view key, std::string_view text) {
  auto entry = std::find_if(object.entries.begin(), object.entries.end(), [&](const auto& e) { return e.key == key; });
  if (entry == object.entries.end()) {
    entry = object.entries.emplace(object.entries.end());
    entry->key = key;
  }
  entry->value = {};
  entry->value.kind = Node::Kind::kScalar;
  entry->value.quoted = true;
  entry->value.scalar = text;
}

Operation ParseOperation(std::string_view text) {
  if (text == "CREATE") return Operation::kCreate;
  if (text == "UPDATE") return Operation::kUpdate;
  if (text == "DELETE") return Operation::kDelete;
  return Operation::kOther;
}

// kDocument for kinds that the webhook does not judge: those of Kubernetes itself but Secrets, and Settings, which say
// how it judges.
Kind KindOf(std::string_view api_version, std::string_view kind) {
  const KindInfo* info = FindKind(kind);
  if (!info || info->api_version != api_version) return Kind::kDocument;
  if (info->kind == Kind::kSecret) return info->kind;
  const bool ours = FindCustomResource(kind) && info->kind != Kind::kSettings;
  return ours ? info->kind : Kind::kDocument;
}

Labels ReadLabels(const Node& object) {
  Labels labels;
  for (const Node::Entry& entry : At(At(object, "metadata"), "labels").entries) labels[entry.key] = entry.value.scalar;
  return labels;
}

// What is known of the object without decoding it.
Item Describe(const Review& review, Kind kind, const Node& object) {
  const Node& metadata = At(object, "metadata");
  Item item;
  const std::string_view ns = metadata.FindScalar("namespace");
  const std::string_view name = metadata.FindScalar("name");
  item.key = {kind, ns.empty() ? std::string(review.ns) : std::string(ns),
              name.empty() ? std::string(review.name) : std::string(name)};
  item.skip = At(metadata, "annotations").FindScalar(kSkipAnnotation) == "true";
  return item;
}

void Decode(const Node& object, Item& item) {
  DecodedDocument decoded = DecodeKubernetes(object, item.key.ns.str());
  for (PlacedProblem& placed : decoded.problems) item.problems.push_back(std::move(placed.problem));
  if (decoded.objects.size() == 1 && decoded.objects.front().key.kind == item.key.kind) {
    item.change = std::move(decoded.objects.front());
    item.key = item.change->key;
  } else if (!HasErrors(item.problems)) {
    item.problems.push_back({item.key, Severity::kError, "", "the object cannot be read", ""});
  }
}

Item ReadItem(const Review& review, std::string_view api_version, std::string_view kind, Node object, const Node& old) {
  Item item = Describe(review, KindOf(api_version, kind), object.is_mapping() ? object : old);
  if (item.key.kind == Kind::kDocument) return item;
  if (review.operation == Operation::kDelete) {
    item.change.emplace();
    item.change->key = item.key;
    return item;
  }
  // Of Secrets only deletions are judged.
  if (item.key.kind == Kind::kSecret) return item;
  item.same = review.operation == Operation::kUpdate && old.is_mapping() && SameContent(object, old);
  if (item.same) return item;
  object.kind = Node::Kind::kMapping;
  // The server says what it is.
  Set(object, "apiVersion", api_version);
  Set(object, "kind", kind);
  Decode(object, item);
  return item;
}

void ReadItems(Node& request, Review& review) {
  Node object = Take(request, "object");
  Node old = Take(request, "oldObject");
  const bool deletes = review.operation == Operation::kDelete;
  const std::string api_version =
      Cat(review.group, review.group.empty() ? "" : "/", At(request, "kind").FindScalar("version"));
  if (review.group.empty() && review.kind == "Namespace") {
    review.is_namespace = true;
    review.labels = ReadLabels(object);
    return;
  }
  if (review.group.empty() && review.kind == "List") {
    Node items = Take(deletes && !object.is_mapping() ? old : object, "items");
    for (Node& one : items.items) {
      const std::string version(one.FindScalar("apiVersion"));
      const std::string name(one.FindScalar("kind"));
      review.items.push_back(ReadItem(review, version, name, std::move(one), kNothing));
    }
    return;
  }
  review.items.push_back(ReadItem(review, api_version, review.kind, std::move(object), old));
}

}  // namespace

absl::StatusOr<Review> ReadReview(std::string_view padded, Format format) {
  absl::StatusOr<Node> tree = ReadTree(padded, format);
  if (!tree.ok()) return tree.status();
  if (tree->FindScalar("kind") != "AdmissionReview") return Unusable("the body is no AdmissionReview");
  Review review;
  review.api_version = tree->FindScalar("apiVersion");
  if (review.api_version != "admission.k8s.io/v1" && review.api_version != "admission.k8s.io/v1beta1")
    return Unusable("apiVersion must be admission.k8s.io/v1 or admission.k8s.io/v1beta1");
  Node request = Take(*tree, "request");
  review.uid = request.FindScalar("uid");
  if (review.uid.empty()) return Unusable("request.uid is missing");
  if (review.uid.size() > 256) return Unusable("request.uid is too long");
  review.operation = ParseOperation(request.FindScalar("operation"));
  review.group = At(request, "kind").FindScalar("group");
  review.kind = At(request, "kind").FindScalar("kind");
  review.ns = request.FindScalar("namespace");
  review.name = request.FindScalar("name");
  review.return_proxies = tree->FindScalar("returnProxies") == "true";
  review.dry_run = request.FindScalar("dryRun") == "true";
  const bool is_list = review.group.empty() && review.kind == "List";
  for (const char* side : {"object", "oldObject"}) {
    if (is_list && At(At(request, side), "items").items.size() > kMostItems)
      return Unusable(Cat("the List has more than ", kMostItems, " items"));
  }
  if (review.operation != Operation::kOther) ReadItems(request, review);
  return review;
}

}  // namespace k8sgw::admission
