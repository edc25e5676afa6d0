// The kinds that are followed at an API server.
#pragma once

#include <string>
#include <vector>

#include "src/model/objects.h"
#include "src/sources/kube/resource_path.h"

namespace k8sgw::cluster {

struct WatchedKind {
  const KindInfo* info = nullptr;
  std::string field_selector{};
  // Only the metadata is asked for.
  bool metadata_alone = false;

  // In `ns`, or in all namespaces when that is "".
  kube::Resource In(const std::string& ns) const;
};

// Whether objects of the kind are translated without those of any other than such kinds, Upstreams above all: they may
// be translated before the others have come.
bool IsTranslatedAlone(Kind kind);

// Everything that users write, and what the graph can use besides, in namespaces or of the cluster itself. Settings are
// followed apart from them. Proxies are not: control planes write them, and there is nothing in them but what is known.
// First come those of which there are many, as a rule. Secrets with users of registries are left out, unless somebody
// wants them.
std::vector<WatchedKind> AllWatchedKinds(bool registry_secrets = false);
// For their labels; nothing is translated from them. Their KindInfo has Kind::kDocument.
const WatchedKind& NamespacesKind();

}  // namespace k8sgw::cluster
