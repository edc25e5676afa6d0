#include "tests/simulation/oracle.h"

#include <set>

#include "api/gloo/v1/proxy.pb.h"
#include "src/base/proto_codec.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"

namespace k8sgw::sim {
namespace {

// Within the validity of the certificates of the simulation.
constexpr int64_t kNow = 1'800'000'000;

std::string Shorten(const std::string& text) { return text.size() > 400 ? text.substr(0, 400) + "..." : text; }

}  // namespace

Pipeline::Options SimulationOptions() {
  Pipeline::Options options;
  options.settings.write_namespace = "gloo-system";
  options.secret_delivery = envoy::SecretDelivery::kSds;
  options.now = kNow;
  return options;
}

ControlPlane::ControlPlane() : store_("default"), pipeline_(std::make_unique<Pipeline>(SimulationOptions())) {}

std::map<std::string, xds::Update> ControlPlane::Apply(const std::vector<FileChange>& changes) {
  for (const FileChange& file : changes) {
    for (const Change& change : file.text ? store_.Update(file.path, *file.text) : store_.Remove(file.path)) {
      pipeline_->Stage(change);
      if (change.gone()) {
        objects_.erase(change.key);
      } else {
        objects_.insert_or_assign(change.key, change);
      }
    }
  }
  return pipeline_->Commit();
}

Memory ControlPlane::memory() const { return {pipeline_->gateway().memory(), pipeline_->envoy().memory()}; }

std::unique_ptr<Pipeline> FromScratch(const std::map<ResourceKey, Change>& objects, const Memory& memory) {
  auto pipeline = std::make_unique<Pipeline>(SimulationOptions());
  pipeline->gateway().Remember(memory.gateway);
  pipeline->envoy().Remember(memory.envoy);
  for (const auto& [key, change] : objects) pipeline->Stage(change);
  pipeline->Commit();
  return pipeline;
}

std::map<std::string, std::string> Dump(const Pipeline& pipeline) {
  std::map<std::string, std::string> out;
  // A proxy that lost its last listener stays a role, so that its Envoys lose theirs too; a fresh start cannot know it.
  std::set<std::string> roles;
  pipeline.envoy().served_listeners().ForEach([&](const auto& key, const auto&) { roles.insert(envoy::Role(key.proxy)); });
  for (const std::string& role : roles) {
    const Snapshot snapshot = pipeline.ResourcesOf(role);
    for (const auto& [type, resources] : snapshot) {
      for (const auto& [name, resource] : resources) {
        out[role + " " + std::string(xds::TypeUrl(type)) + " " + name] = resource->version + " " + envoy::JoinBytes(*resource);
      }
    }
  }
  for (const Problem& problem : pipeline.problems()) out["problem " + problem.ToString()] = "";
  for (const gloov1::Proxy& proxy : pipeline.AssembleProxies()) {
    out["proxy " + proxy.metadata().name()] = SerializeDeterministic(proxy);
  }
  return out;
}

std::string Difference(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  for (const auto& [key, text] : a) {
    const auto other = b.find(key);
    if (other == b.end()) return "only in the first: " + key + "\n" + Shorten(text);
    if (other->second != text) return "differs: " + key + "\nfirst:  " + Shorten(text) + "\nsecond: " + Shorten(other->second);
  }
  for (const auto& [key, text] : b) {
    if (!a.contains(key)) return "only in the second: " + key + "\n" + Shorten(text);
  }
  return "";
}

}  // namespace k8sgw::sim
