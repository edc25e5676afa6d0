#include "src/crds/crd.h"

#include <utility>

#include "src/base/text.h"
#include "src/crds/describe.h"
#include "src/crds/protos.h"
#include "src/crds/schema.h"
#include "src/crds/shorten.h"
#include "src/crds/tree.h"

namespace k8sgw::crds {
namespace {

using google::protobuf::Descriptor;
using yaml::Node;

void Explain(Node& schema, const CrdOptions& options, std::string text) {
  if (!options.descriptions || text.empty()) return;
  schema.entries.insert(schema.entries.begin(), {"description", {}, Text(std::move(text))});
}

Node Names(const CustomResource& resource) {
  Node names = Mapping();
  Put(names, "kind", Text(std::string(resource.kind)));
  Put(names, "listKind", Text(Cat(resource.kind, "List")));
  Put(names, "plural", Text(std::string(resource.plural)));
  Put(names, "singular", Text(std::string(resource.singular)));
  Put(names, "shortNames", Sequence(resource.short_names));
  Put(names, "categories", Sequence(resource.categories));
  return names;
}

Node KeptObject() {
  Node schema = Mapping();
  Put(schema, "type", Plain("object"));
  Put(schema, "x-kubernetes-preserve-unknown-fields", Plain("true"));
  return schema;
}

// Controllers write it, and more than one version of them: everything is kept.
Node Status(const CustomResource& resource, const CrdOptions& options) {
  Node status = KeptObject();
  if (!resource.status_subresource) {
    Node statuses = KeptObject();
    // Always there, so that a JSON patch can add to it.
    Put(statuses, "default", Mapping());
    Explain(statuses, options, "One status for each control plane, by the namespace in which it runs.");
    Node properties = Mapping();
    Put(properties, "statuses", std::move(statuses));
    Put(status, "default", Mapping());
    Put(status, "properties", std::move(properties));
  }
  Explain(status, options, "Whether the object is in use, and what is wrong with it. Written by the control plane.");
  return status;
}

Node Schema(const CustomResource& resource, const CrdOptions& options) {
  const Descriptor* message = CommentedProtos().FindMessageTypeByName(std::string(resource.spec));
  Node schema = Mapping();
  Put(schema, "type", Plain("object"));
  if (resource.open) Put(schema, "x-kubernetes-preserve-unknown-fields", Plain("true"));
  Node spec = SchemaOf(*message, {options.descriptions, resource.open});
  Explain(spec, options, "What is wanted.");
  Node properties = Mapping();
  Put(properties, "spec", std::move(spec));
  Put(properties, "status", Status(resource, options));
  Put(schema, "properties", std::move(properties));
  Explain(schema, options, Describe(*message));
  return schema;
}

Node Definition(const CustomResource& resource, Node schema) {
  Node open_api = Mapping();
  Put(open_api, "openAPIV3Schema", std::move(schema));
  Node version = Mapping();
  Put(version, "name", Text(std::string(resource.version())));
  Put(version, "served", Plain("true"));
  Put(version, "storage", Plain("true"));
  if (resource.status_subresource) {
    Node subresources = Mapping();
    Put(subresources, "status", Mapping());
    Put(version, "subresources", std::move(subresources));
  }
  Put(version, "schema", std::move(open_api));
  Node versions;
  versions.kind = Node::Kind::kSequence;
  versions.items.push_back(std::move(version));

  Node spec = Mapping();
  Put(spec, "group", Text(std::string(resource.group())));
  Put(spec, "names", Names(resource));
  Put(spec, "scope", Plain("Namespaced"));
  Put(spec, "versions", std::move(versions));
  Node metadata = Mapping();
  Put(metadata, "name", Text(CrdName(resource)));
  Node crd = Mapping();
  Put(crd, "apiVersion", Text("apiextensions.k8s.io/v1"));
  Put(crd, "kind", Text("CustomResourceDefinition"));
  Put(crd, "metadata", std::move(metadata));
  Put(crd, "spec", std::move(spec));
  return crd;
}

}  // namespace

std::string CrdName(const CustomResource& resource) { return Cat(resource.plural, ".", resource.group()); }

Node MakeCrd(const CustomResource& resource, const CrdOptions& options) {
  Node schema = Schema(resource, options);
  const size_t size = AppliedSize(Definition(resource, schema));
  if (size > kMaxApplied) Shorten(schema, size - kMaxApplied);
  return Definition(resource, std::move(schema));
}

std::string CrdFile(const CustomResource& resource, const CrdOptions& options) {
  return "# Made by `k8sgateway crds` from the proto files. Do not edit.\n" + yaml::Emit(MakeCrd(resource, options));
}

}  // namespace k8sgw::crds
