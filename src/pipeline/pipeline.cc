#include "src/pipeline/pipeline.h"

#include <algorithm>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/envoy/names.h"
#include "src/envoy/static_resources.h"
#include "src/model/inputs.h"
#include "src/model/unread.h"
#include "src/proxy/assemble.h"

namespace k8sgw {

using xds::Type;

Pipeline::Pipeline(Options options)
    : options_(std::move(options)),
      inputs_(std::make_unique<Inputs>(graph_)),
      gateway_(graph_, *inputs_, options_.settings),
      envoy_(graph_, *inputs_, gateway_, options_) {}

Pipeline::~Pipeline() = default;

bool Pipeline::Stage(const Change& change) { return inputs_->Stage(change); }

void Pipeline::StageAndTell(const Change& change) {
  if (!Stage(change)) problems_.Set("kinds", change.key.ToString(), UnreadNotices(change));
}

void Pipeline::StageWasmModule(const std::string& image, const std::optional<WasmModule>& module) {
  if (module) {
    inputs_->wasm_modules.Put({image}, std::make_shared<const WasmModule>(*module));
  } else {
    inputs_->wasm_modules.Delete({image});
  }
}

std::map<std::string, xds::Update> Pipeline::Commit() {
  graph_.Commit();
  std::map<std::string, xds::Update> updates;
  xds::Update shared;
  CollectShared(shared);
  std::set<std::string> known;
  for (const auto& [role, own] : own_) known.insert(role);
  CollectOwn(updates);
  for (const auto& [role, own] : own_) {
    if (known.contains(role)) {
      if (shared.put.empty() && shared.removed.empty()) continue;
      xds::Update& update = updates[role];
      update.put.insert(update.put.end(), shared.put.begin(), shared.put.end());
      update.removed.insert(update.removed.end(), shared.removed.begin(), shared.removed.end());
      continue;
    }
    for (const auto& [type, resources] : shared_) {
      for (const auto& [name, resource] : resources) updates[role].put.push_back(resource);
    }
  }
  CollectProblems();
  for (const auto& [role, update] : updates) nacks_.Settle(role, update);
  return updates;
}

void Pipeline::PutShared(const Ptr<xds::Resource>& resource, xds::Update& update) {
  shared_[resource->type][resource->name] = resource;
  update.put.push_back(resource);
}

void Pipeline::DropShared(Type type, const std::string& name, xds::Update& update) {
  if (shared_[type].erase(name) > 0) update.removed.emplace_back(type, name);
}

void Pipeline::CollectShared(xds::Update& update) {
  envoy_.clusters().ForEachChanged([&](const UpstreamRef& ref, const Ptr<xds::Resource>& cluster) {
    if (cluster) {
      PutShared(cluster, update);
    } else {
      DropShared(Type::kCluster, envoy::ClusterName(ref), update);
    }
  });
  envoy_.endpoints().ForEachChanged([&](const UpstreamRef& ref, const Ptr<xds::Resource>& endpoints) {
    if (endpoints) {
      PutShared(endpoints, update);
    } else {
      DropShared(Type::kEndpoint, envoy::ClusterName(ref), update);
    }
  });
  envoy_.secrets().ForEachChanged([&](const SecretRef& ref, const Ptr<envoy::SecretResources>& secret) {
    const auto set = [&](const Ptr<xds::Resource>& resource, const std::string& name) {
      if (resource) {
        PutShared(resource, update);
      } else {
        DropShared(Type::kSecret, name, update);
      }
    };
    set(secret ? secret->certificate : nullptr, envoy::CertificateSecretName(ref));
    set(secret ? secret->authority : nullptr, envoy::AuthoritySecretName(ref));
  });
  if (inputs_->settings.changed_slots().empty()) return;
  const auto settings = inputs_->settings.Get(options_.settings.ref());
  const auto fallbacks = settings ? envoy::InvalidRouteResources(settings->spec) : std::vector<Ptr<xds::Resource>>();
  if (fallbacks.empty()) {
    DropShared(Type::kCluster, envoy::kFallbackCluster, update);
    DropShared(Type::kListener, envoy::kFallbackListener, update);
  }
  for (const auto& resource : fallbacks) {
    const auto& old = shared_[resource->type][resource->name];
    if (!old || !(*old == *resource)) PutShared(resource, update);
  }
}

void Pipeline::Set(const std::string& role, Type type, const std::string& name, const Ptr<xds::Resource>& now) {
  auto& resources = own_[role][type];
  const auto old = resources.find(name);
  before_.try_emplace({role, type, name}, old == resources.end() ? nullptr : old->second);
  if (now) {
    resources[name] = now;
  } else if (old != resources.end()) {
    resources.erase(old);
  }
}

// A name may pass from one key to another within a commit, so what is gone goes first.
template <class Key, class Part, class RoleOf, class ResourceOf>
void Pipeline::CollectOwn(const flow::Collection<Key, Part>& parts, Type type, const RoleOf& role_of,
                          const ResourceOf& resource_of, std::map<Key, std::string>& names) {
  parts.ForEachChanged([&](const Key& key, const Ptr<Part>& part) {
    const Ptr<xds::Resource> now = part ? resource_of(*part) : nullptr;
    const auto old = names.find(key);
    if (old == names.end() || (now && now->name == old->second)) return;
    Set(role_of(key), type, old->second, nullptr);
    names.erase(old);
  });
  parts.ForEachChanged([&](const Key& key, const Ptr<Part>& part) {
    own_[role_of(key)];
    const Ptr<xds::Resource> now = part ? resource_of(*part) : nullptr;
    if (!now) return;
    names[key] = now->name;
    Set(role_of(key), type, now->name, now);
  });
}

void Pipeline::CollectOwn(std::map<std::string, xds::Update>& updates) {
  CollectOwn(
      envoy_.listeners(), Type::kListener, [](const proxy::ListenerKey& key) { return envoy::Role(key.proxy); },
      [](const envoy::TranslatedListener& listener) { return listener.resource; }, listener_names_);
  CollectOwn(
      envoy_.route_configurations(), Type::kRoute,
      [](const envoy::RouteConfigKey& key) { return envoy::Role(key.listener.proxy); },
      [](const envoy::RouteConfiguration& config) { return config.resource; }, route_config_names_);
  const auto role_of_shard = [](const envoy::ShardKey& key) { return envoy::Role(key.route_config.listener.proxy); };
  CollectOwn(
      envoy_.shard_tables(), Type::kRoute, role_of_shard,
      [](const envoy::RouteConfiguration& config) { return config.resource; }, shard_names_);
  CollectOwn(
      envoy_.scopes(), Type::kScope, role_of_shard,
      [](const xds::Resource& scope) { return std::make_shared<const xds::Resource>(scope); }, scope_names_);
  for (const auto& [key, old] : before_) {
    const auto& [role, type, name] = key;
    const auto& resources = own_[role][type];
    const auto now = resources.find(name);
    if (now == resources.end()) {
      if (old) updates[role].removed.emplace_back(type, name);
    } else if (!old || !(*old == *now->second)) {
      updates[role].put.push_back(now->second);
    }
  }
  before_.clear();
}

void Pipeline::ForEachChangedPart(const TakePart& take) const {
  static const Problems kNone;
  const auto collect = [&](const auto& collection) {
    collection.ForEachChanged([&](const auto& key, const auto& value) {
      take(collection.name(), key.ToString(), value ? value->problems : kNone, {});
    });
  };
  // What is found when a proxy's configuration is made belongs to that proxy; what was wrong before that, to none.
  const auto collect_of_proxy = [&](const auto& collection, const auto& proxy_of) {
    collection.ForEachChanged([&](const auto& key, const auto& value) {
      take(collection.name(), key.ToString(), value ? value->problems : kNone, envoy::Role(proxy_of(key)));
    });
  };
  const auto of_listener = [](const proxy::ListenerKey& key) { return key.proxy; };
  collect(gateway_.listeners());
  collect(gateway_.virtual_hosts());
  gateway_.other_problems().ForEachChanged([&](const ResourceKey& key, const Ptr<Problems>& problems) {
    take(gateway_.other_problems().name(), key.ToString(), problems ? *problems : kNone, {});
  });
  collect_of_proxy(envoy_.checked_listeners(), of_listener);
  collect_of_proxy(envoy_.listeners(), of_listener);
  collect_of_proxy(envoy_.translated_virtual_hosts(),
                   [](const proxy::VirtualHostKey& key) { return key.listener.proxy; });
  collect(envoy_.translated_clusters());
  collect(envoy_.translated_destinations());
  collect(envoy_.checked_upstream_groups());
  collect(envoy_.checked_secrets());
}

void Pipeline::CollectProblems() {
  ForEachChangedPart([this](const std::string& source, std::string part, const Problems& problems, const Name& role) {
    problems_.Set(source, part, problems, role);
  });
}

void Pipeline::UseModule(const std::string& role) {
  const size_t cut = role.find('~');
  if (cut != std::string::npos) envoy_.UseModule({role.substr(0, cut), role.substr(cut + 1)});
}

std::vector<std::string> Pipeline::roles() const {
  std::vector<std::string> roles;
  for (const auto& [role, own] : own_) roles.push_back(role);
  return roles;
}

Snapshot Pipeline::ResourcesOf(const std::string& role) const {
  Snapshot all = shared_;
  const auto own = own_.find(role);
  if (own == own_.end()) return {};
  for (const auto& [type, resources] : own->second) all[type].insert(resources.begin(), resources.end());
  return all;
}

const xds::Resource* Pipeline::Served(const std::string& role, Type type, const std::string& name) const {
  const auto own = own_.find(role);
  if (own == own_.end()) return nullptr;
  for (const Snapshot* snapshot : {&own->second, &shared_}) {
    const auto resources = snapshot->find(type);
    if (resources == snapshot->end()) continue;
    if (const auto found = resources->second.find(name); found != resources->second.end()) return found->second.get();
  }
  return nullptr;
}

std::vector<gloov1::Proxy> Pipeline::AssembleProxies() const {
  std::map<proxy::VirtualHostKey, Ptr<proxy::VirtualHost>> hosts;
  envoy_.served_virtual_hosts().ForEach(
      [&](const proxy::VirtualHostKey& key, const Ptr<envoy::ServedVirtualHost>& served) {
        hosts.emplace(key, served->host->from);
      });
  return proxy::AssembleProxies(envoy_.served_listeners(), gateway_.bindings(), hosts);
}

}  // namespace k8sgw
