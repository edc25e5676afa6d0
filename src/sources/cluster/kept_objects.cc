#include "src/sources/cluster/kept_objects.h"

#include <utility>
#include <vector>

#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/sources/cluster/object_store.h"

namespace k8sgw::cluster {
namespace {

bool IsNotKept(int depth, std::string_view parent, std::string_view key) {
  const bool is_version = key == "resourceVersion" || key == "generation";
  return IsBookkeeping(depth, parent, key) || (depth == 1 && parent == "metadata" && is_version);
}

bool IsNotKeptOfLabels(int depth, std::string_view parent, std::string_view key) {
  if (depth == 0) return key != "metadata";
  return depth == 1 && parent == "metadata" && key != "name" && key != "namespace" && key != "labels";
}

struct NameParts {
  std::string_view api_version;
  std::string_view plural;
  std::string_view ns;
};

// Of "gloo.solo.io/v1 upstreams ns/name".
NameParts Parts(std::string_view name) {
  NameParts parts;
  const size_t first = name.find(' ');
  const size_t second = name.find(' ', first + 1);
  parts.api_version = name.substr(0, first);
  parts.plural = name.substr(first + 1, second - first - 1);
  const std::string_view object = name.substr(second + 1);
  parts.ns = object.substr(0, object.find('/'));
  return parts;
}

std::string TextOf(const std::string& json, bool labels_alone) {
  const auto object = yaml::FromJson(yaml::Padded(json).view(), labels_alone ? IsNotKeptOfLabels : IsNotKept);
  return object.ok() ? yaml::EmitJson(*object, 0) : json;
}

}  // namespace

KeptObjects::KeptObjects(std::unique_ptr<state::LastGoodTexts> texts) : texts_(std::move(texts)) {
  for (std::string& name : texts_->names()) unseen_.insert(std::move(name));
}

void KeptObjects::ForEach(const Tell& tell) const {
  for (const std::string& name : texts_->names()) {
    std::optional<std::string> text = texts_->Find(name);
    if (!text) continue;
    const NameParts parts = Parts(name);
    tell(parts.api_version, parts.plural, yaml::Padded(*std::move(text)).view());
  }
}

void KeptObjects::Observe(const WatchedKind& kind, const kube::Event& event) {
  const kube::ObjectMeta& meta = event.object.meta;
  const std::string name = Cat(kind.info->api_version, " ", kind.info->plural, " ", meta.namespace_, "/", meta.name);
  unseen_.erase(name);
  faulty_.erase(name);
  Observed observed{{kind.info->kind, meta.namespace_, meta.name}, std::nullopt, kind.metadata_alone};
  if (event.kind == kube::Event::Kind::kUpsert) observed.json = std::string(event.object.json);
  due_.insert_or_assign(name, std::move(observed));
}

void KeptObjects::Complete(const Heard& heard) {
  std::erase_if(unseen_, [&](const std::string& name) {
    const auto [api_version, plural, ns] = Parts(name);
    if (!heard(api_version, plural, std::string(ns))) return false;
    due_.try_emplace(name);
    return true;
  });
}

absl::StatusOr<bool> KeptObjects::Keep(const std::set<ResourceKey>& faulty, size_t most) {
  // What was faulty may have been mended by another object.
  for (auto it = faulty_.begin(); it != faulty_.end();) {
    const auto one = it++;
    if (!faulty.contains(one->second.key)) due_.insert(faulty_.extract(one));
  }
  for (size_t i = 0; i < most && !due_.empty(); ++i) {
    auto first = due_.extract(due_.begin());
    const Observed& observed = first.mapped();
    if (observed.json && faulty.contains(observed.key)) {
      faulty_.insert(std::move(first));
      continue;
    }
    const absl::Status status = observed.json ? texts_->Keep(first.key(), TextOf(*observed.json, observed.labels_alone))
                                              : texts_->Forget(first.key());
    if (status.ok()) continue;
    due_.insert(std::move(first));
    return status;
  }
  return due_.empty();
}

}  // namespace k8sgw::cluster
