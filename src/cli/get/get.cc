#include "src/cli/get/get.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/get/rows.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

// What only the API server and its clients need.
constexpr std::string_view kNoted[] = {"managedFields",   "uid",       "selfLink", "creationTimestamp",
                                       "resourceVersion", "generation"};
constexpr char kApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

void Drop(Node& map, std::string_view key) {
  std::erase_if(map.entries, [&](const Node::Entry& entry) { return entry.key == key; });
}

// Of `object`; without managed fields and the copy that kubectl keeps.
Node Metadata(const Node& object) {
  const Node* found = object.Find("metadata");
  Node metadata = found ? *found : MakeMap();
  Drop(metadata, "managedFields");
  for (Node::Entry& entry : metadata.entries) {
    if (entry.key == "annotations") Drop(entry.value, kApplied);
  }
  std::erase_if(metadata.entries,
                [](const Node::Entry& entry) { return entry.key == "annotations" && entry.value.entries.empty(); });
  return metadata;
}

absl::StatusOr<std::vector<Node>> Stored(Session& session, const GetOptions& options) {
  const kube::Resource resource = ResourceOf(*options.kind, options.ns);
  if (options.name.empty()) return session.List(resource);
  absl::StatusOr<Node> object = session.Read({resource, options.name});
  if (!object.ok()) return object.status();
  return std::vector<Node>{*std::move(object)};
}

bool Has(const std::vector<Node>& objects, const Node& one) {
  return std::any_of(objects.begin(), objects.end(), [&](const Node& o) { return PathOf(o) == PathOf(one); });
}

// Those of the options.
void Select(std::vector<Node>& objects, const GetOptions& options) {
  std::erase_if(objects, [&](const Node& object) {
    return (!options.name.empty() && NameOf(object) != options.name) ||
           (!options.ns.empty() && NamespaceOf(object) != options.ns);
  });
}

std::string What(const GetOptions& options) {
  return options.name.empty() ? std::string(options.kind->plural)
                              : Cat(options.kind->kind, " ", options.ns, "/", options.name);
}

int Fail(std::ostream& err, const GetOptions& options, const absl::Status& status) {
  if (status.code() == absl::StatusCode::kNotFound && !options.name.empty()) {
    err << Cat("get: there is no ", What(options), ": correct its name, or its namespace with -n\n");
  } else if (status.code() == absl::StatusCode::kNotFound) {
    err << Cat("get: the cluster does not know the kind ", options.kind->kind, ": run `k8sgateway install`\n");
  } else {
    err << Cat("get: ", What(options), " cannot be read: ", Printable(std::string(status.message())), "\n");
  }
  return 1;
}

}  // namespace

Node Flat(const Node& object) {
  Node out = MakeMap();
  Put(out, "metadata", Metadata(object));
  if (const Node* status = object.Find("status"); status && !status->entries.empty())
    Put(out, "namespacedStatuses", *status);
  if (const Node* spec = object.Find("spec")) {
    for (const Node::Entry& entry : spec->entries) Put(out, entry.key, entry.value);
  }
  return out;
}

Node Applicable(const Node& object) {
  Node out = MakeMap();
  for (const char* key : {"apiVersion", "kind"}) PutText(out, key, std::string(object.FindScalar(key)));
  Node metadata = Metadata(object);
  for (const std::string_view key : kNoted) Drop(metadata, key);
  Put(out, "metadata", std::move(metadata));
  for (const Node::Entry& entry : object.entries) {
    if (entry.key != "apiVersion" && entry.key != "kind" && entry.key != "metadata" && entry.key != "status")
      Put(out, entry.key, entry.value);
  }
  return out;
}

std::string RenderText(const std::vector<Node>& objects, const std::string& output) {
  if (output == "json") {
    Node list = MakeList();
    for (const Node& object : objects) list.items.push_back(Flat(object));
    const std::string text = yaml::EmitJson(list);
    return text.ends_with('\n') ? text : text + "\n";
  }
  std::string out;
  for (const Node& object : objects)
    out += "---\n" + yaml::Emit(output == "kube-yaml" ? Applicable(object) : Flat(object));
  return out;
}

int Get(Session& session, const GetOptions& options, const MoreObjects& more, std::ostream& out, std::ostream& err) {
  std::vector<Node> objects;
  absl::Status missing;
  if (more) {
    absl::StatusOr<std::vector<Node>> found = more();
    if (found.ok()) objects = *std::move(found);
    missing = found.status();
    Select(objects, options);
  }
  absl::StatusOr<std::vector<Node>> stored = Stored(session, options);
  if (stored.ok()) {
    for (Node& object : *stored) {
      if (!Has(objects, object)) objects.push_back(std::move(object));
    }
  } else if (objects.empty()) {
    if (!missing.ok()) err << "get: " << Printable(std::string(missing.message())) << "\n";
    return Fail(err, options, stored.status());
  }
  if (!missing.ok()) err << "get: " << Printable(std::string(missing.message())) << "\n";
  std::sort(objects.begin(), objects.end(), [](const Node& a, const Node& b) {
    return std::pair(NamespaceOf(a), NameOf(a)) < std::pair(NamespaceOf(b), NameOf(b));
  });
  if (options.output == "table" || options.output == "wide") {
    out << RenderTable(*options.kind, objects, {.namespaces = options.ns.empty(), .wide = options.output == "wide"});
  } else {
    out << RenderText(objects, options.output);
  }
  return 0;
}

}  // namespace k8sgw::cli
