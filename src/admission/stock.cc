#include "src/admission/stock.h"

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/model/inputs.h"

namespace k8sgw::admission {
namespace {

// fn(kind, collection) for each kind that is judged.
template <class Fn>
void ForEachKind(const Inputs& inputs, Fn&& fn) {
  fn(Kind::kGateway, inputs.gateways);
  fn(Kind::kVirtualService, inputs.virtual_services);
  fn(Kind::kRouteTable, inputs.route_tables);
  fn(Kind::kVirtualHostOption, inputs.virtual_host_options);
  fn(Kind::kRouteOption, inputs.route_options);
  fn(Kind::kUpstream, inputs.upstreams);
  fn(Kind::kUpstreamGroup, inputs.upstream_groups);
  fn(Kind::kSecret, inputs.secrets);
}

}  // namespace

uint64_t HashAt(const Inputs& inputs, const ResourceKey& key) {
  uint64_t hash = 0;
  ForEachKind(inputs, [&](Kind kind, const auto& collection) {
    if (kind != key.kind) return;
    const auto object = collection.Get({key.ns, key.name});
    if (object) hash = object->hash;
  });
  return hash;
}

std::vector<Change> DeletionsOf(const Inputs& inputs, const Name& ns) {
  std::vector<Change> deletions;
  ForEachKind(inputs, [&](Kind kind, const auto& collection) {
    collection.ForEach([&](const auto& ref, const auto&) {
      if (ref.ns == ns) deletions.emplace_back().key = {kind, ref.ns, ref.name};
    });
  });
  return deletions;
}

}  // namespace k8sgw::admission
