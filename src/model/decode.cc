#include "src/model/decode.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "api/enterprise/extauth.proto.h"
#include "api/enterprise/ratelimit_api.proto.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gateway/v1alpha1/direct_response.proto.h"
#include "api/gateway/v1alpha1/gateway_parameters.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/hash.h"
#include "src/base/nearest.h"
#include "src/base/proto_codec.h"
#include "src/base/yaml_scalar.h"
#include "src/model/kubernetes.h"
#include "src/model/kubernetes_secret.h"

namespace k8sgw {
namespace {

using yaml::Node;

constexpr size_t kLongestName = 253;
// What Kubernetes itself writes into metadata, and nobody here reads.
constexpr std::array<std::string_view, 9> kKubernetesMetadata = {
    "uid",      "resourceVersion", "managedFields",     "ownerReferences",           "finalizers",
    "selfLink", "generateName",    "deletionTimestamp", "deletionGracePeriodSeconds"};

// Metadata and problems of one document while it is decoded.
struct Draft {
  ResourceKey key;
  Labels labels;
  Labels annotations;
  std::string created;
  int64_t generation = 0;
  std::vector<PlacedProblem> problems;

  void Add(Severity severity, yaml::Mark mark, std::string path, std::string message, std::string fix = "") {
    problems.push_back({{key, severity, std::move(path), std::move(message), std::move(fix)}, mark});
  }
  void Error(yaml::Mark mark, std::string path, std::string message, std::string fix = "") {
    Add(Severity::kError, mark, std::move(path), std::move(message), std::move(fix));
  }
  bool failed() const {
    return std::any_of(problems.begin(), problems.end(),
                       [](const auto& p) { return p.problem.severity == Severity::kError; });
  }
};

// The rule of Kubernetes for names of objects: RFC 1123, lower case.
bool IsName(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return letter(name.front()) && letter(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '-' || c == '.'; });
}

void CheckName(std::string_view name, std::string_view field, yaml::Mark mark, Draft& draft) {
  if (IsName(name)) return;
  draft.Error(mark, "metadata." + std::string(field), "\"" + std::string(name) + "\" is no name of an object",
              "use lower-case letters, digits, \"-\" and \".\", and begin and end with a letter or digit");
}

void ReadTexts(const Node& metadata, std::string_view field, Labels& out, Draft& draft) {
  const Node* map = metadata.Find(field);
  if (!map || map->is_null()) return;
  const std::string path = "metadata." + std::string(field);
  if (!map->is_mapping()) {
    return draft.Error(map->mark, path, "expected a mapping of names to text", "write lines of name: text below it");
  }
  for (const auto& entry : map->entries) {
    if (entry.value.is_scalar() || entry.value.is_null()) {
      out[entry.key] = entry.value.scalar;
    } else {
      draft.Error(entry.mark, path + "[\"" + entry.key + "\"]", "expected text", "put it in quotes");
    }
  }
}

void ReadMetadata(const Node& metadata, Draft& draft) {
  ReadTexts(metadata, "labels", draft.labels, draft);
  ReadTexts(metadata, "annotations", draft.annotations, draft);
  draft.created = metadata.FindScalar("creationTimestamp");
  const auto generation = yaml::ParseInteger(metadata.FindScalar("generation"));
  if (generation && !generation->negative && generation->magnitude <= INT64_MAX) {
    draft.generation = static_cast<int64_t>(generation->magnitude);
  }
  static const std::vector<std::string> kKnown = {"name",        "namespace",         "labels",
                                                  "annotations", "creationTimestamp", "generation"};
  for (const auto& entry : metadata.entries) {
    if (std::find(kKnown.begin(), kKnown.end(), entry.key) != kKnown.end()) continue;
    if (std::find(kKubernetesMetadata.begin(), kKubernetesMetadata.end(), entry.key) != kKubernetesMetadata.end())
      continue;
    const std::string nearest = Nearest(entry.key, kKnown);
    draft.Add(Severity::kWarning, entry.mark, "metadata." + entry.key, "unknown field of metadata",
              nearest.empty() ? "remove it" : "did you mean \"" + nearest + "\"?");
  }
}

template <class Spec>
uint64_t ContentHashOf(const Spec& spec) {
  if constexpr (requires { core::ContentHash(spec); }) {
    return core::ContentHash(spec);
  } else if constexpr (std::is_same_v<Spec, Unread>) {
    return spec.content;
  } else {
    return Hash64(SerializeDeterministic(spec));
  }
}

template <class Spec>
Change Finish(Draft& draft, Spec spec) {
  auto object = std::make_shared<Object<Spec>>();
  object->ref = {draft.key.ns, draft.key.name};
  object->labels = std::move(draft.labels);
  object->annotations = std::move(draft.annotations);
  object->created = std::move(draft.created);
  object->generation = draft.generation;
  uint64_t hash = ContentHashOf(spec);
  const auto mix = [&](std::string_view text) { hash = HashCombine(hash, Hash64(text)); };
  for (const Labels* map : {&object->labels, &object->annotations}) {
    hash = HashCombine(hash, map->size());
    for (const auto& [name, value] : *map) {
      mix(name);
      mix(value);
    }
  }
  mix(object->created);
  object->hash = hash;
  object->spec = std::move(spec);
  return Change(draft.key, Ptr<Object<Spec>>(std::move(object)));
}

// Decodes `node` as the spec of the kind; `prefix` is removed from nothing: paths are relative to the spec.
template <class Spec>
Spec ReadSpec(const Node* node, Draft& draft) {
  Spec spec;
  if (node) {
    for (DecodeProblem& problem : DecodeProto(*node, &spec)) {
      draft.Error(problem.mark, std::move(problem.path), std::move(problem.message), std::move(problem.fix));
    }
  }
  if constexpr (requires { spec.clear_metadata(); }) spec.clear_metadata();
  if constexpr (requires { spec.clear_namespaced_statuses(); }) spec.clear_namespaced_statuses();
  return spec;
}

template <class Spec>
void DecodeSpec(const Node* node, Draft& draft, DecodedDocument& out) {
  Spec spec = ReadSpec<Spec>(node, draft);
  if (!draft.failed()) out.objects.push_back(Finish(draft, std::move(spec)));
}

// The same, of kinds that nothing is translated from.
template <class Spec>
void CheckSpec(const Node* node, Draft& draft, DecodedDocument& out) {
  const uint64_t content = Hash64(SerializeDeterministic(ReadSpec<Spec>(node, draft)));
  if (!draft.failed()) out.objects.push_back(Finish(draft, Unread{content}));
}

void DecodeKind(const Node* spec, Draft& draft, DecodedDocument& out) {
  switch (draft.key.kind) {
    case Kind::kSettings: return DecodeSpec<gloov1::Settings>(spec, draft, out);
    case Kind::kGateway: return DecodeSpec<gatewayv1::Gateway>(spec, draft, out);
    case Kind::kVirtualService: return DecodeSpec<gatewayv1::VirtualService>(spec, draft, out);
    case Kind::kRouteTable: return DecodeSpec<gatewayv1::RouteTable>(spec, draft, out);
    case Kind::kVirtualHostOption: return DecodeSpec<gatewayv1::VirtualHostOption>(spec, draft, out);
    case Kind::kRouteOption: return DecodeSpec<gatewayv1::RouteOption>(spec, draft, out);
    case Kind::kUpstream: return DecodeSpec<gloov1::Upstream>(spec, draft, out);
    case Kind::kUpstreamGroup: return DecodeSpec<gloov1::UpstreamGroup>(spec, draft, out);
    case Kind::kSecret: return DecodeSpec<gloov1::Secret>(spec, draft, out);
    case Kind::kArtifact: return DecodeSpec<gloov1::Artifact>(spec, draft, out);
    case Kind::kMatchableHttpGateway: return DecodeSpec<gatewayv1::MatchableHttpGateway>(spec, draft, out);
    case Kind::kMatchableTcpGateway: return DecodeSpec<gatewayv1::MatchableTcpGateway>(spec, draft, out);
    case Kind::kListenerOption: return DecodeSpec<gatewayv1::ListenerOption>(spec, draft, out);
    case Kind::kHttpListenerOption: return DecodeSpec<gatewayv1::HttpListenerOption>(spec, draft, out);
    case Kind::kAuthConfig: return CheckSpec<enterprise::gloo::solo::io::AuthConfig>(spec, draft, out);
    case Kind::kRateLimitConfig: return CheckSpec<ratelimit::api::solo::io::RateLimitConfigSpec>(spec, draft, out);
    case Kind::kGatewayParameters:
      return CheckSpec<v1alpha1::gateway::gloo::solo::io::GatewayParametersSpec>(spec, draft, out);
    case Kind::kDirectResponse:
      return CheckSpec<v1alpha1::gateway::gloo::solo::io::DirectResponseSpec>(spec, draft, out);
    case Kind::kProxy: return CheckSpec<gloov1::Proxy>(spec, draft, out);
    case Kind::kService:
    case Kind::kEndpointSlice:
    case Kind::kPod:
    case Kind::kNode:
    case Kind::kDocument: return;
  }
}

// Objects of Kubernetes itself change their metadata for reasons that are not ours.
Change ReadCoreKind(const Node& document, Draft& draft) {
  draft.created.clear();
  draft.generation = 0;
  if (draft.key.kind == Kind::kService) return Finish(draft, core::ReadService(document));
  draft.annotations.clear();
  if (draft.key.kind == Kind::kPod) return Finish(draft, core::Pod());
  draft.labels.clear();
  if (draft.key.kind == Kind::kNode) return Finish(draft, core::ReadNode(document));
  return Finish(draft, core::ReadEndpointSlice(document));
}

void Conclude(Draft& draft, DecodedDocument& out) {
  if (draft.key.name.empty()) {
    out.unidentified = true;
  } else {
    out.keys.push_back(draft.key);
  }
  for (PlacedProblem& problem : draft.problems) out.problems.push_back(std::move(problem));
}

void DecodeCore(const Node& document, Draft& draft, DecodedDocument& out) {
  const ReportAt report = [&](Severity severity, const std::string& path, yaml::Mark mark, std::string message,
                              std::string fix) { draft.Add(severity, mark, path, std::move(message), std::move(fix)); };
  if (draft.key.kind == Kind::kSecret) {
    gloov1::Secret secret;
    ReadKubernetesSecret(document, report, &secret);
    if (!draft.failed()) out.objects.push_back(Finish(draft, std::move(secret)));
  } else {
    // Others note in annotations and labels what is not ours.
    draft.created.clear();
    draft.generation = 0;
    draft.annotations.clear();
    draft.labels.clear();
    gloov1::Artifact artifact;
    ReadConfigMap(document, report, &artifact);
    if (!draft.failed()) out.objects.push_back(Finish(draft, std::move(artifact)));
  }
}

void DecodeOne(const Node& document, std::string_view default_namespace, DecodedDocument& out);

void LeftOut(const Node& document, const std::string& kind, const std::string& api_version, Draft& draft) {
  draft.key.kind = Kind::kDocument;
  draft.Add(Severity::kWarning, document.Locate("kind"), "kind",
            kind + " (" + api_version + ") is not used by k8sgateway from files, so it is left out",
            "nothing needs to be done");
}

// The head of a document: which kind it is. False when it is none of ours; then everything is said.
bool ReadHead(const Node& document, const KindInfo** info, Draft& draft) {
  const std::string kind(document.FindScalar("kind"));
  const std::string api_version(document.FindScalar("apiVersion"));
  if (kind.empty() || api_version.empty()) {
    draft.Error(document.mark, "", kind.empty() ? "the document has no kind" : "the document has no apiVersion",
                "begin it with apiVersion: gateway.solo.io/v1 and kind: VirtualService, for example");
    return false;
  }
  *info = FindKind(kind);
  const bool ours = api_version.find("solo.io/") != std::string::npos;
  if (!*info && !ours) {
    LeftOut(document, kind, api_version, draft);
    return false;
  }
  if (!*info) {
    std::vector<std::string> names;
    for (const KindInfo& known : AllKinds()) names.emplace_back(KindName(known.kind));
    const std::string nearest = Nearest(kind, names);
    std::string fix = "did you mean \"" + nearest + "\"?";
    if (nearest.empty()) {
      fix = "the kinds are";
      for (const std::string& name : names) fix += (fix.ends_with("are") ? " " : ", ") + name;
    }
    draft.Error(document.Locate("kind"), "kind", "kind \"" + kind + "\" is not known", std::move(fix));
    return false;
  }
  draft.key.kind = (*info)->kind;
  const bool core = (*info)->kind == Kind::kSecret || (*info)->kind == Kind::kArtifact;
  if (api_version != (*info)->api_version && !(core && api_version == "gloo.solo.io/v1")) {
    if (!ours && !core) {
      LeftOut(document, kind, api_version, draft);
      return false;
    }
    draft.Error(document.Locate("apiVersion"), "apiVersion", "\"" + api_version + "\" is not the version of " + kind,
                "write " + std::string((*info)->api_version));
  }
  return true;
}

void DecodeList(const Node& document, std::string_view default_namespace, DecodedDocument& out) {
  const Node* items = document.Find("items");
  if (!items || items->is_null()) return;
  if (!items->is_sequence()) {
    Draft draft;
    draft.Error(items->mark, "items", "expected a list", "put \"- \" before each object");
    return Conclude(draft, out);
  }
  for (const Node& item : items->items) DecodeOne(item, default_namespace, out);
}

void DecodeOne(const Node& document, std::string_view default_namespace, DecodedDocument& out) {
  Draft draft;
  draft.key.ns = default_namespace;
  if (!document.is_mapping()) {
    draft.Error(document.mark, "", "the document is no object", "begin it with apiVersion: and kind:");
    return Conclude(draft, out);
  }
  const KindInfo* info = nullptr;
  const Node* metadata = document.Find("metadata");
  if (metadata && metadata->is_mapping()) {
    draft.key.name = metadata->FindScalar("name");
    if (!metadata->FindScalar("namespace").empty()) draft.key.ns = metadata->FindScalar("namespace");
  }
  if (!ReadHead(document, &info, draft)) {
    // A foreign kind is nobody's concern; a mistyped one may have been an object before.
    out.unidentified = out.unidentified || draft.failed();
    for (PlacedProblem& problem : draft.problems) out.problems.push_back(std::move(problem));
    return;
  }
  if (!metadata || !metadata->is_mapping() || draft.key.name.empty()) {
    draft.Error(metadata ? metadata->mark : document.mark, "metadata.name", "the object has no name",
                "add metadata: {name: …}");
    return Conclude(draft, out);
  }
  CheckName(draft.key.name.str(), "name", metadata->Locate("name"), draft);
  if (info->of_cluster) {
    draft.key.ns = "";
  } else {
    CheckName(draft.key.ns.str(), "namespace", metadata->Locate("namespace"), draft);
  }
  ReadMetadata(*metadata, draft);
  if (std::ranges::any_of(CoreKinds(), [&](const KindInfo& kind) { return &kind == info; })) {
    if (!draft.failed()) out.objects.push_back(ReadCoreKind(document, draft));
    return Conclude(draft, out);
  }
  const bool core = info->kind == Kind::kSecret || info->kind == Kind::kArtifact;
  const bool own_form = core && document.FindScalar("apiVersion") == "gloo.solo.io/v1";
  if (core && !own_form) {
    DecodeCore(document, draft, out);
    return Conclude(draft, out);
  }
  const Node* spec = document.Find("spec");
  static const std::vector<std::string> kTop = {"apiVersion", "kind", "metadata", "spec", "status"};
  for (const auto& entry : document.entries) {
    if (std::find(kTop.begin(), kTop.end(), entry.key) != kTop.end()) continue;
    const std::string nearest = Nearest(entry.key, kTop);
    draft.Error(entry.mark, entry.key, "unknown field \"" + entry.key + "\"",
                nearest.empty() ? "the fields of the object stand below spec" : "did you mean \"" + nearest + "\"?");
  }
  if (!spec) draft.Add(Severity::kWarning, document.mark, "spec", "the object has no spec", "add spec:");
  DecodeKind(spec && !spec->is_null() ? spec : nullptr, draft, out);
  Conclude(draft, out);
}

}  // namespace

DecodedDocument DecodeKubernetes(const Node& document, std::string_view default_namespace) {
  DecodedDocument out;
  const std::string_view kind = document.FindScalar("kind");
  if (kind == "List" || (kind.ends_with("List") && document.Find("items"))) {
    DecodeList(document, default_namespace, out);
  } else {
    DecodeOne(document, default_namespace, out);
  }
  return out;
}

DecodedDocument DecodeFlat(const KindInfo& kind, std::string_view ns, std::string_view name, const Node& document) {
  DecodedDocument out;
  Draft draft;
  draft.key = {kind.kind, std::string(ns), std::string(name)};
  if (!document.is_mapping()) {
    draft.Error(document.mark, "", "the document is no object", "write the object's fields and metadata at the top");
    Conclude(draft, out);
    return out;
  }
  CheckName(name, "name", document.mark, draft);
  CheckName(ns, "namespace", document.mark, draft);
  Node spec = document;
  std::erase_if(spec.entries, [](const Node::Entry& entry) {
    return entry.key == "metadata" || entry.key == "status" || entry.key == "statuses" ||
           entry.key == "namespacedStatuses";
  });
  if (const Node* metadata = document.Find("metadata"); metadata && metadata->is_mapping()) {
    ReadMetadata(*metadata, draft);
    const auto check = [&](std::string_view field, const std::string& expected) {
      const std::string_view found = metadata->FindScalar(field);
      if (found.empty() || found == expected) return;
      draft.Error(metadata->Locate(field), "metadata." + std::string(field),
                  "says \"" + std::string(found) + "\", but the path of the file says \"" + expected + "\"",
                  "make both equal");
    };
    check("name", draft.key.name);
    check("namespace", draft.key.ns);
  }
  DecodeKind(&spec, draft, out);
  Conclude(draft, out);
  return out;
}

}  // namespace k8sgw
