#include "src/discovery/stored_upstream.h"

#include "api/options/kubernetes.proto.h"
#include "api/options/service_spec.proto.h"
#include "api/options/subset_spec.proto.h"
#include "src/base/proto_codec.h"
#include "src/discovery/patch.h"
#include "src/json/tree.h"

namespace k8sgw::discovery {
namespace {

using yaml::Node;

constexpr char kDiscoveredBy[] = "discovered_by";
constexpr char kOurPlugin[] = "kubernetesplugin";

Labels ReadMap(const Node* map) {
  Labels labels;
  if (!map) return labels;
  for (const auto& entry : map->entries) labels[entry.key] = entry.value.scalar;
  return labels;
}

// What the server and we note in the object is most of its text.
bool IsNotRead(int depth, std::string_view parent, std::string_view key) {
  return depth == 0 ? key == "status" : depth == 1 && parent == "metadata" && key == "managedFields";
}

// Of what people wrote, the name is enough.
bool IsNotReadOfOthers(int depth, std::string_view parent, std::string_view key) {
  return IsNotRead(depth, parent, key) || (depth == 0 ? key == "spec" : depth == 1 && key == "annotations");
}

// `mine` over what is there already.
Labels Over(const Labels& there, Labels mine) {
  mine.insert(there.begin(), there.end());
  return mine;
}

gloov1::Upstream Merged(const gloov1::Upstream& stored, const gloov1::Upstream& wanted) {
  gloov1::Upstream out = stored;
  const auto kube = out.kube();
  out.clear_kube();
  out.clear_discovery_metadata();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  wanted.GetReflection()->ListFields(wanted, &fields);
  for (const auto* field : fields) out.GetReflection()->ClearField(&out, field);
  out.MergeFrom(wanted);
  if (!out.kube().has_subset_spec() && kube.has_subset_spec()) {
    *out.mutable_kube()->mutable_subset_spec() = kube.subset_spec();
  }
  if (!out.kube().has_service_spec() && kube.has_service_spec()) {
    *out.mutable_kube()->mutable_service_spec() = kube.service_spec();
  }
  return out;
}

}  // namespace

bool StoredUpstream::is_ours() const {
  const auto by = labels.find(kDiscoveredBy);
  return by != labels.end() && by->second == kOurPlugin;
}

std::optional<StoredUpstream> ReadStored(std::string_view padded) {
  // Most Upstreams may be others'; the API server writes these names as they are.
  const bool may_be_ours = padded.find(kDiscoveredBy) != std::string_view::npos;
  const auto object = yaml::FromJson(padded, may_be_ours ? IsNotRead : IsNotReadOfOthers);
  const Node* metadata = object.ok() ? object->Find("metadata") : nullptr;
  if (!metadata || metadata->FindScalar("name").empty()) return std::nullopt;
  StoredUpstream stored;
  stored.ref = {metadata->FindScalar("namespace"), metadata->FindScalar("name")};
  stored.uid = metadata->FindScalar("uid");
  stored.version = metadata->FindScalar("resourceVersion");
  stored.labels = ReadMap(metadata->Find("labels"));
  stored.annotations = ReadMap(metadata->Find("annotations"));
  // What people wrote wrong stays unset here, and so is none of our business.
  const Node* spec = object->Find("spec");
  if (spec && stored.is_ours()) DecodeProto(*spec, &stored.spec);
  return stored;
}

std::string NewObject(const UpstreamRef& ref, const gloov1::Upstream& spec, const Labels& annotations) {
  Node metadata;
  Add(metadata, "name", MakeText(ref.name.str()));
  Add(metadata, "namespace", MakeText(ref.ns.str()));
  Add(metadata, "labels", MakeMapping({{kDiscoveredBy, kOurPlugin}}));
  if (!annotations.empty()) Add(metadata, "annotations", MakeMapping(annotations));
  Node object;
  Add(object, "apiVersion", MakeText("gloo.solo.io/v1"));
  Add(object, "kind", MakeText("Upstream"));
  Add(object, "metadata", std::move(metadata));
  Add(object, "spec", EncodeProto(spec));
  return yaml::EmitJson(object, 0);
}

std::string PatchFor(const StoredUpstream& stored, const gloov1::Upstream& wanted, const Labels& annotations) {
  const auto tree = [](const gloov1::Upstream& spec, const Labels& its_annotations) {
    Node metadata;
    Add(metadata, "annotations", MakeMapping(its_annotations));
    Node object;
    Add(object, "metadata", std::move(metadata));
    Add(object, "spec", EncodeProto(spec));
    return object;
  };
  std::optional<Node> patch = MakePatch(tree(stored.spec, stored.annotations),
                                        tree(Merged(stored.spec, wanted), Over(stored.annotations, annotations)));
  if (!patch) return "";
  // Somebody else may have written meanwhile; then this is thought over.
  Node metadata = patch->Find("metadata") ? *patch->Find("metadata") : MakeMapping({});
  std::erase_if(patch->entries, [](const Node::Entry& entry) { return entry.key == "metadata"; });
  Add(metadata, "uid", MakeText(stored.uid));
  Add(metadata, "resourceVersion", MakeText(stored.version));
  Add(*patch, "metadata", std::move(metadata));
  return yaml::EmitJson(*patch, 0);
}

}  // namespace k8sgw::discovery
