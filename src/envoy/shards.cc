#include "src/envoy/shards.h"

#include <algorithm>

#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/http_gateway.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "envoy/config/route/v3/scoped_route.proto.h"
#include "src/base/hash.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"
#include "src/model/inputs.h"
#include "src/proxy/route_shards.h"

namespace k8sgw::envoy {
namespace {

using proxy::ListenerKey;
using proxy::VirtualHostKey;

// There is one.
constexpr char kEpoch[] = "drain";
// How many whole drains an old cut stays: its time begins in the middle of one, and Envoy replaces the listener later.
constexpr uint64_t kDrains = 2;
// Old cuts of a table at once, each of which is kept current.
constexpr size_t kMostOld = 2;

xds::Resource MakeScope(const std::string& name) {
  ::envoy::config::route::v3::ScopedRouteConfiguration scope;
  scope.set_name(name);
  scope.set_route_configuration_name(name);
  scope.mutable_key()->add_fragments()->set_string_key(ShardKeyOf(name));
  return *MakeResource(xds::Type::kScope, name, scope);
}

auto ShardOfPieces(bool everywhere) {
  return [everywhere](const ShardHostKey& key, const HostPiece& piece) {
    return piece.everywhere == everywhere ? std::vector<ShardKey>{key.shard} : std::vector<ShardKey>();
  };
}

// nullptr when there are none.
Ptr<Block> JoinPieces(flow::Reader& reader, const flow::Index<ShardKey, ShardHostKey, HostPiece>& all,
                      const ShardKey& shard) {
  BlockJoiner joiner;
  for (const auto& [host, piece] : reader.Find(all, shard)) joiner.Add(*piece);
  return joiner.empty() ? nullptr : std::make_shared<const Block>(std::move(joiner).Finish());
}

}  // namespace

Divisions::Divisions(flow::Graph& graph, const flow::Collection<VirtualHostKey, ServedVirtualHost>& served,
                     const flow::Collection<RouteConfigKey, Needs>& needs, const Inputs& in,
                     const SettingsRef& settings)
    : with_module(graph, "proxies-with-module"),
      in_(in),
      settings_(settings),
      // An edit of routes changes no count, and goes no further here.
      counts_(graph, "domain-counts", served, {},
              [this](flow::Reader&, const VirtualHostKey& key, const ServedVirtualHost& host, auto& out) {
                if (route_shards_ > 0) out.Emit(key, CountDomains(*host.host));
              }),
      counts_by_route_config_(graph, "domain-counts-by-route-configuration", counts_,
                              [](const VirtualHostKey&, const DomainCount& count) {
                                return std::vector<RouteConfigKey>{count.route_config};
                              }),
      divisions(graph, "divisions", needs, {&with_module, &in.gateways, &in.settings, &counts_by_route_config_},
                [this](flow::Reader& reader, const RouteConfigKey& key, const Needs&, auto& out) {
                  if (route_shards_ == 0 || !reader.Get(with_module, key.listener.proxy)) return;
                  TableSize size;
                  for (const auto& [host, count] : reader.Find(counts_by_route_config_, key)) size.Add(*count);
                  Ptr<Division> before = divisions.Get(key);
                  const auto known = remembered_.find(key);
                  const Cut cut = before ? before->cut : known != remembered_.end() ? known->second.cut : Cut();
                  out.Emit(key, Divide(ShardsFor(reader, key.listener.gateway), size, cut));
                }) {}

uint32_t Divisions::ShardsFor(flow::Reader& reader, const GatewayRef& gateway) const {
  const auto said_by = [](const auto& object) -> std::optional<uint32_t> {
    if (!object) return std::nullopt;
    const auto annotation = object->annotations.find(proxy::kRouteShardsAnnotation);
    return annotation == object->annotations.end() ? std::nullopt : proxy::ParseRouteShards(annotation->second);
  };
  if (const auto shards = said_by(reader.Get(in_.gateways, gateway))) return *shards;
  return said_by(reader.Get(in_.settings, settings_)).value_or(route_shards_);
}

std::map<uint64_t, Division> Divisions::Of(flow::Reader& reader, const ListenerKey& listener,
                                           const std::map<uint64_t, Needs>& needs) const {
  std::map<uint64_t, Division> out;
  for (const auto& [hash, unused] : needs) {
    if (const auto division = reader.Get(divisions, RouteConfigKey{listener, hash})) out.emplace(hash, *division);
  }
  return out;
}

Divisions::Memory Divisions::memory() const {
  Memory memory;
  with_module.ForEach([&](const auto& key, const auto&) { memory.with_module.push_back(key); });
  divisions.ForEach([&](const auto& key, const auto& value) { memory.divisions.emplace(key, *value); });
  return memory;
}

void Divisions::Remember(const Memory& memory) {
  remembered_ = memory.divisions;
  for (const ProxyRef& proxy : memory.with_module) with_module.Put(proxy, std::make_shared<const UsesModule>());
}

Shards::Shards(flow::Graph& graph, const flow::Collection<VirtualHostKey, ServedVirtualHost>& served,
               const flow::Collection<ListenerKey, proxy::Listener>& served_listeners,
               const flow::Collection<ListenerKey, TranslatedListener>& listeners)
    : epochs_(graph, "drain-epochs"),
      generations_(graph, "table-generations", listeners, {&epochs_},
                   [this](flow::Reader& reader, const ListenerKey& key, const TranslatedListener& listener, auto& out) {
                     for (const uint64_t hash : listener.route_configs) {
                       const auto cut = listener.cuts.find(hash);
                       const RouteConfigKey table{key, hash};
                       Generations all = After(reader, table, cut == listener.cuts.end() ? Cut() : cut->second);
                       if (all != Generations()) out.Emit(table, std::move(all));
                     }
                   }),
      heads_(graph, "shards", generations_, {&served_listeners},
             [&served_listeners](flow::Reader& reader, const RouteConfigKey& key, const Generations& all, auto& out) {
               const auto listener = reader.Get(served_listeners, key.listener);
               if (!listener) return;
               const std::string table =
                   RouteConfigName(listener->spec->name(), key.ssl_hash == 0 ? "" : HexHash(key.ssl_hash));
               const auto emit = [&](const Cut& cut) {
                 const std::string prefix = ShardPrefix(table, cut);
                 for (uint32_t i = 0; i < cut.shards; ++i)
                   out.Emit(ShardKey{key, cut, i}, ShardHead{listener, prefix + std::to_string(i)});
               };
               emit(all.current);
               for (const auto& old : all.old) emit(old.cut);
             }),
      pieces(graph, "virtual-hosts-by-shard", served, {&generations_},
             [this](flow::Reader& reader, const VirtualHostKey& key, const ServedVirtualHost& served_host, auto& out) {
               const VirtualHost& host = *served_host.host;
               const auto all = reader.Get(generations_, host.route_config);
               if (!all) return;
               const auto emit = [&](const Cut& cut) {
                 if (cut.shards == 0) return;
                 for (auto& [number, piece] : SplitHost(host, cut))
                   out.Emit(ShardHostKey{{host.route_config, cut, number}, key}, std::move(piece));
               };
               emit(all->current);
               for (const auto& old : all->old) emit(old.cut);
             }),
      wildcards_by_shard_(graph, "wildcard-pieces-by-shard", pieces, ShardOfPieces(true)),
      others_by_shard_(graph, "other-pieces-by-shard", pieces, ShardOfPieces(false)),
      others_(graph, "shard-blocks", heads_, {&others_by_shard_},
              [this](flow::Reader& reader, const ShardKey& key, const ShardHead&, auto& out) {
                if (auto block = JoinPieces(reader, others_by_shard_, key)) out.Emit(key, std::move(block));
              }),
      tables(graph, "shard-tables", heads_, {&wildcards_by_shard_, &others_},
             [this](flow::Reader& reader, const ShardKey& key, const ShardHead& head, auto& out) {
               std::vector<Ptr<Block>> blocks;
               for (auto block : {reader.Get(others_, key), JoinPieces(reader, wildcards_by_shard_, key)}) {
                 if (block) blocks.push_back(std::move(block));
               }
               out.Emit(key, MakePart(*head.listener, head.name, key.cut, blocks));
             }),
      scopes(graph, "scopes", heads_, {}, [](flow::Reader&, const ShardKey& key, const ShardHead& head, auto& out) {
        out.Emit(key, MakeScope(head.name));
      }) {
  generations_.LeaveOutOfSpeculation();
  heads_.LeaveOutOfSpeculation();
  pieces.LeaveOutOfSpeculation();
  wildcards_by_shard_.LeaveOutOfSpeculation();
  others_by_shard_.LeaveOutOfSpeculation();
  others_.LeaveOutOfSpeculation();
  tables.LeaveOutOfSpeculation();
  scopes.LeaveOutOfSpeculation();
}

Generations Shards::After(flow::Reader& reader, const RouteConfigKey& key, const Cut& now) const {
  const auto epoch = reader.Get(epochs_, std::string(kEpoch));
  const uint64_t current_epoch = epoch ? *epoch : 0;
  Generations before;
  if (const auto known = generations_.Get(key)) {
    before = *known;
  } else if (const auto remembered = remembered_.find(key); remembered != remembered_.end()) {
    before = remembered->second;
  }
  Generations after;
  after.current = now;
  for (const auto& old : before.old) {
    if (old.cut != now && old.epoch + kDrains >= current_epoch) after.old.push_back(old);
  }
  if (before.current.shards > 0 && before.current != now) after.old.push_back({before.current, current_epoch});
  if (after.old.size() > kMostOld) {
    after.old.erase(std::min_element(after.old.begin(), after.old.end(),
                                     [](const auto& a, const auto& b) { return a.epoch < b.epoch; }));
  }
  std::sort(after.old.begin(), after.old.end());
  return after;
}

bool Shards::HasOld() const {
  bool found = false;
  generations_.ForEach([&](const auto&, const auto& all) { found = found || !all->old.empty(); });
  return found;
}

void Shards::NextEpoch() { epochs_.Put(kEpoch, std::make_shared<const uint64_t>(++epoch_)); }

Shards::Memory Shards::memory() const {
  Memory memory;
  memory.epoch = epoch_;
  generations_.ForEach([&](const auto& key, const auto& value) { memory.generations.emplace(key, *value); });
  return memory;
}

void Shards::Remember(const Memory& memory) {
  remembered_ = memory.generations;
  epoch_ = memory.epoch;
  if (epoch_ > 0) epochs_.Put(kEpoch, std::make_shared<const uint64_t>(epoch_));
}

}  // namespace k8sgw::envoy
