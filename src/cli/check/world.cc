#include "src/cli/check/world.h"

#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include "api/gloo/v1/proxy.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/cli/check/objects.h"
#include "src/cli/cluster/object.h"
#include "src/json/tree.h"
#include "src/model/custom_resources.h"
#include "src/pipeline/pipeline.h"
#include "src/sources/cluster/cluster_source.h"
#include "src/sources/kube/list_watch.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

class Reading {
 public:
  Reading(kube::Caller& caller, std::string ns) : caller_(caller), ns_(std::move(ns)) {
    source_.emplace(
        [this](const kube::Resource& resource, kube::ReflectorOptions options, kube::Watch::Consumer consumer) {
          return std::make_unique<kube::ListWatch>(
              caller_.client(), resource, std::move(options), [this] { return random_(engine_); }, std::move(consumer));
        },
        cluster::ClusterSource::Options{ns_, "default", Once(), {}, false, std::chrono::milliseconds(0)},
        cluster::ClusterSource::Consumer{
            [this](const cluster::WatchedKind& kind, const kube::Event& event) { Observe(kind, event); },
            [this](const cluster::WatchedKind& kind, const std::string&, const kube::Health& health) {
              health_[kind.info] = health;
            }});
  }

  absl::StatusOr<World> Read(std::chrono::seconds limit) {
    std::optional<std::vector<Change>> changes;
    caller_.WaitFor(
        [&] {
          if (!changes) changes = source_->Take();
          return changes.has_value();
        },
        limit);
    if (!changes) {
      std::string awaited;
      for (const std::string& one : source_->awaited()) awaited += Cat(awaited.empty() ? "" : ", ", one);
      return absl::DeadlineExceededError(Cat("after ", limit.count(), " s these had not come: ", awaited));
    }
    World world;
    Translate(*changes, world);
    for (auto& [key, object] : objects_) {
      if (source_->Counts(key.ns.str())) world.objects.push_back(std::move(object));
    }
    for (const auto& [info, health] : health_) {
      if (health.phase != kube::Health::Phase::kAbsent) continue;
      const std::string kind(KindName(info->kind));
      if (health.error.code() != absl::StatusCode::kNotFound) {
        world.forbidden.emplace_back(info->plural, std::string(health.error.message()));
      } else if (FindCustomResource(kind)) {
        world.missing.push_back(kind);
      }
    }
    return world;
  }

 private:
  // A list of everything, and no watch.
  static kube::ReflectorOptions Once() {
    kube::ReflectorOptions options;
    options.watch_list = false;
    options.page_limit = 0;
    options.first_watch_after = std::chrono::hours(1);
    return options;
  }

  void Observe(const cluster::WatchedKind& kind, const kube::Event& event) {
    const std::string_view name = KindName(kind.info->kind);
    if (SectionOf(name).empty()) return;
    const ResourceKey key{kind.info->kind, event.object.meta.namespace_, event.object.meta.name};
    objects_.erase(key);
    if (event.kind == kube::Event::Kind::kDelete) return;
    absl::StatusOr<Node> object = yaml::FromJson(event.object.json);
    if (!object.ok()) return;
    if (!object->Find("kind")) Put(*object, "kind", MakeText(std::string(name)));
    objects_.emplace(key, *std::move(object));
  }

  void Translate(const std::vector<Change>& changes, World& world) {
    Pipeline::Options options;
    options.settings = {ns_, Origin::kCluster};
    options.clock = [] { return std::time(nullptr); };
    Pipeline pipeline(options);
    for (const Change& change : changes) pipeline.StageAndTell(change);
    pipeline.Commit();
    world.problems = pipeline.problems();
    const Problems undecoded = source_->problems();
    world.problems.insert(world.problems.end(), undecoded.begin(), undecoded.end());
    Normalize(world.problems);
    for (const gloov1::Proxy& proxy : pipeline.AssembleProxies()) world.proxies.push_back(EncodeProto(proxy));
  }

  kube::Caller& caller_;
  const std::string ns_;
  std::minstd_rand engine_{std::random_device()()};
  std::uniform_real_distribution<double> random_{0.0, 1.0};
  std::map<ResourceKey, Node> objects_;
  std::map<const KindInfo*, kube::Health> health_;
  std::optional<cluster::ClusterSource> source_;
};

}  // namespace

absl::StatusOr<World> ReadWorld(kube::Caller& caller, const std::string& ns, std::chrono::seconds limit) {
  return Reading(caller, ns).Read(limit);
}

}  // namespace k8sgw::cli
