#include "src/sources/cluster/watched_kind.h"

#include <algorithm>

namespace k8sgw::cluster {
namespace {

// Charts and service accounts fill a cluster with Secrets that are never certificates, headers or keys for us.
constexpr char kUsefulSecrets[] =
    "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,type!=kubernetes.io/dockercfg,"
    "type!=bootstrap.kubernetes.io/token";
// Users of registries: of use when a flag names such a Secret.
constexpr char kButRegistries[] = ",type!=kubernetes.io/dockerconfigjson";

// What controllers put into every namespace: certificates of authorities, never ours. And what replicas tell each
// other, which src/replicas follows.
constexpr char kUsefulConfigMaps[] =
    "metadata.name!=kube-root-ca.crt,metadata.name!=istio-ca-root-cert,metadata.name!=openshift-service-ca.crt,"
    "metadata.name!=gloo-refusals";

// Artifacts by the name that they have in a cluster.
constexpr KindInfo kConfigMaps{Kind::kArtifact, "v1", "configmaps"};

}  // namespace

kube::Resource WatchedKind::In(const std::string& ns) const {
  const std::string_view api = info->api_version;
  const size_t slash = api.find('/');
  const bool core = slash == std::string_view::npos;
  return {std::string(core ? "" : api.substr(0, slash)), std::string(core ? api : api.substr(slash + 1)),
          std::string(info->plural), info->of_cluster ? "" : ns};
}

std::vector<WatchedKind> AllWatchedKinds(bool registry_secrets) {
  std::vector<WatchedKind> out;
  for (const KindInfo& info : AllKinds()) {
    switch (info.kind) {
      case Kind::kSettings:
      // Others write them, and they are large.
      case Kind::kProxy:
      case Kind::kDocument: break;
      case Kind::kArtifact: out.push_back({&kConfigMaps, kUsefulConfigMaps}); break;
      case Kind::kSecret:
        out.push_back({&info, std::string(kUsefulSecrets) + (registry_secrets ? "" : kButRegistries)});
        break;
      default: out.push_back({&info}); break;
    }
  }
  for (const KindInfo& info : CoreKinds()) {
    out.push_back({&info, "", info.kind == Kind::kPod || info.kind == Kind::kNode});
  }
  std::stable_partition(out.begin(), out.end(), [](const WatchedKind& kind) {
    return kind.info->kind == Kind::kVirtualService || kind.info->kind == Kind::kUpstream;
  });
  return out;
}

bool IsTranslatedAlone(Kind kind) {
  switch (kind) {
    case Kind::kSettings:
    case Kind::kUpstream:
    case Kind::kUpstreamGroup:
    case Kind::kSecret:
    case Kind::kService:
    case Kind::kEndpointSlice:
    case Kind::kPod:
    case Kind::kNode: return true;
    default: return false;
  }
}

const WatchedKind& NamespacesKind() {
  static const KindInfo kInfo{Kind::kDocument, "v1", "namespaces", true};
  static const WatchedKind kKind{&kInfo, "", true};
  return kKind;
}

}  // namespace k8sgw::cluster
