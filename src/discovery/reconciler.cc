#include "src/discovery/reconciler.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "api/options/kubernetes.proto.h"
#include "api/options/service_spec.proto.h"
#include "api/options/subset_spec.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/discovery/patch.h"
#include "src/discovery/service_upstream.h"
#include "src/json/tree.h"
#include "src/model/label_selector.h"

namespace k8sgw::discovery {
namespace {

using yaml::Node;

constexpr char kDiscover[] = "gloo.solo.io/discover";
constexpr char kOfKubectl[] = "kubectl.kubernetes.io/last-applied-configuration";

Labels ReadMap(const Node* map) {
  Labels labels;
  if (!map) return labels;
  for (const auto& entry : map->entries) labels[entry.key] = entry.value.scalar;
  return labels;
}

Labels CopiedAnnotations(Labels annotations) {
  annotations.erase(kOfKubectl);
  return annotations;
}

// `mine` over what is there already.
Labels Over(const Labels& there, Labels mine) {
  mine.insert(there.begin(), there.end());
  return mine;
}

// What is wanted, and of what is stored all that the Service does not speak of: that is the people's.
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

struct Reconciler::Port {
  gloov1::Upstream spec;
  Labels annotations;
  std::vector<std::string> mistakes;
};

struct Reconciler::Stored {
  std::string uid;
  std::string version;
  Labels labels;
  Labels annotations;
  gloov1::Upstream spec;

  bool is_ours() const {
    const auto by = labels.find(kDiscoveredBy);
    return by != labels.end() && by->second == kOurPlugin;
  }
};

Options ReadOptions(const gloov1::Settings& settings, const std::string& own_namespace) {
  Options options;
  const auto& uds = settings.discovery().uds_options();
  options.enabled = !uds.has_enabled() || uds.enabled().value();
  const std::string& ns = settings.discovery_namespace();
  options.write_namespace = ns.empty() ? own_namespace : ns;
  options.watch_labels.insert(uds.watch_labels().begin(), uds.watch_labels().end());
  const auto& global = settings.upstreamoptions().global_annotations();
  options.global_annotations.insert(global.begin(), global.end());
  return options;
}

Reconciler::Reconciler(Options options) : options_(std::move(options)) {}
Reconciler::~Reconciler() = default;

void Reconciler::SetOptions(Options options) {
  if (options == options_) return;
  // What stands in another namespace is not ours any longer: nobody knows whose it is there.
  if (options.write_namespace != options_.write_namespace) {
    stored_.clear();
    complete_ = false;
  }
  options_ = std::move(options);
  for (const auto& [ref, service] : services_) {
    Unclaim(ref);
    if (IsWanted(*service)) Claim(ref, *service);
  }
  for (const auto& [name, stored] : stored_) dirty_.insert(name);
}

bool Reconciler::IsWanted(const Object<core::Service>& service) const {
  const auto forced = service.annotations.find(kDiscover);
  return HasLabels(service.labels, options_.watch_labels) ||
         (forced != service.annotations.end() && forced->second == "true");
}

void Reconciler::Unclaim(const ServiceRef& ref) {
  const auto names = names_.extract(ref);
  if (names.empty()) return;
  for (const std::string& name : names.mapped()) {
    auto& ports = wanted_[name];
    std::erase_if(ports, [&](const auto& entry) { return entry.first.first == ref; });
    if (ports.empty()) wanted_.erase(name);
    dirty_.insert(name);
  }
}

void Reconciler::Claim(const ServiceRef& ref, const Object<core::Service>& service) {
  for (const core::ServicePort& port : service.spec.ports) {
    if (port.port == 0) continue;
    const std::string name = UpstreamName(ref, port.port);
    // The same number for TCP and UDP is one Upstream, of TCP.
    const auto [place, is_new] = wanted_[name].try_emplace({ref, port.port});
    if (!is_new && port.protocol != "TCP") continue;
    Port made{{}, CopiedAnnotations(service.annotations), {}};
    made.mistakes = DescribePort(ref, service, port, options_.global_annotations, &made.spec);
    place->second = std::move(made);
    names_[ref].insert(name);
    dirty_.insert(name);
  }
}

void Reconciler::SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service) {
  Unclaim(ref);
  if (!service) {
    services_.erase(ref);
    return;
  }
  if (IsWanted(*service)) Claim(ref, *service);
  services_[ref] = std::move(service);
}

void Reconciler::SetStored(std::string_view padded) {
  const auto object = yaml::FromJson(padded);
  if (!object.ok() || !object->is_mapping()) return;
  const Node* metadata = object->Find("metadata");
  if (!metadata || metadata->FindScalar("namespace") != options_.write_namespace) return;
  Stored stored;
  stored.uid = metadata->FindScalar("uid");
  stored.version = metadata->FindScalar("resourceVersion");
  stored.labels = ReadMap(metadata->Find("labels"));
  stored.annotations = ReadMap(metadata->Find("annotations"));
  // What people wrote wrong stays unset here, and so is none of our business.
  if (const Node* spec = object->Find("spec")) DecodeProto(*spec, &stored.spec);
  const std::string name(metadata->FindScalar("name"));
  stored_.insert_or_assign(name, std::move(stored));
  dirty_.insert(name);
}

void Reconciler::RemoveStored(const std::string& name) {
  if (stored_.erase(name) > 0) dirty_.insert(name);
}

void Reconciler::Complete() { complete_ = true; }

std::set<std::string> Reconciler::TakeDirty() {
  if (!complete_) return {};
  return std::exchange(dirty_, {});
}

const Reconciler::Port* Reconciler::OwnerOf(const std::string& name, const Stored* stored) const {
  const auto ports = wanted_.find(name);
  if (ports == wanted_.end()) return nullptr;
  if (stored) {
    const auto& kube = stored->spec.kube();
    const auto same = ports->second.find({{kube.service_namespace(), kube.service_name()}, kube.service_port()});
    if (same != ports->second.end()) return &same->second;
  }
  return &ports->second.begin()->second;
}

std::optional<Write> Reconciler::Decide(const std::string& name) const {
  if (!complete_ || !options_.enabled) return std::nullopt;
  const auto found = stored_.find(name);
  const Stored* stored = found == stored_.end() ? nullptr : &found->second;
  const Port* wanted = OwnerOf(name, stored);
  if (stored && !stored->is_ours()) return std::nullopt;
  if (!stored && !wanted) return std::nullopt;
  if (!wanted) return Write{Write::Kind::kDelete, name, "", stored->uid};
  if (!stored) return Write{Write::Kind::kCreate, name, WholeObject(name, *wanted)};
  std::string patch = PatchFor(*stored, *wanted);
  if (patch.empty()) return std::nullopt;
  return Write{Write::Kind::kPatch, name, std::move(patch)};
}

std::string Reconciler::WholeObject(const std::string& name, const Port& wanted) const {
  Node metadata;
  Add(metadata, "name", MakeText(name));
  Add(metadata, "namespace", MakeText(options_.write_namespace));
  Add(metadata, "labels", MakeMapping({{kDiscoveredBy, kOurPlugin}}));
  if (!wanted.annotations.empty()) Add(metadata, "annotations", MakeMapping(wanted.annotations));
  Node object;
  Add(object, "apiVersion", MakeText("gloo.solo.io/v1"));
  Add(object, "kind", MakeText("Upstream"));
  Add(object, "metadata", std::move(metadata));
  Add(object, "spec", EncodeProto(wanted.spec));
  return yaml::EmitJson(object, 0);
}

std::string Reconciler::PatchFor(const Stored& stored, const Port& wanted) const {
  const auto tree = [](const gloov1::Upstream& spec, const Labels& annotations) {
    Node metadata;
    Add(metadata, "annotations", MakeMapping(annotations));
    Node object;
    Add(object, "metadata", std::move(metadata));
    Add(object, "spec", EncodeProto(spec));
    return object;
  };
  std::optional<Node> patch =
      MakePatch(tree(stored.spec, stored.annotations),
                tree(Merged(stored.spec, wanted.spec), Over(stored.annotations, wanted.annotations)));
  if (!patch) return "";
  // Somebody else may have written meanwhile; then this is thought over.
  Node metadata = patch->Find("metadata") ? *patch->Find("metadata") : MakeMapping({});
  std::erase_if(patch->entries, [](const Node::Entry& entry) { return entry.key == "metadata"; });
  Add(metadata, "uid", MakeText(stored.uid));
  Add(metadata, "resourceVersion", MakeText(stored.version));
  Add(*patch, "metadata", std::move(metadata));
  return yaml::EmitJson(*patch, 0);
}

std::map<ServiceRef, std::vector<std::string>> Reconciler::Mistakes() const {
  std::map<ServiceRef, std::vector<std::string>> all;
  for (const auto& [name, ports] : wanted_) {
    const auto found = stored_.find(name);
    const Port* owner = OwnerOf(name, found == stored_.end() ? nullptr : &found->second);
    for (const auto& [key, port] : ports) {
      auto& mistakes = all[key.first];
      mistakes.insert(mistakes.end(), port.mistakes.begin(), port.mistakes.end());
      if (found != stored_.end() && !found->second.is_ours()) {
        mistakes.push_back(
            Cat("there is an Upstream ", name, " that was not discovered, so there will be none for it"));
      } else if (&port != owner) {
        mistakes.push_back(Cat("another Service has the name ", name, " for its Upstream already"));
      }
    }
    std::erase_if(all, [](const auto& entry) { return entry.second.empty(); });
  }
  return all;
}

}  // namespace k8sgw::discovery
