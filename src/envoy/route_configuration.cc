#include "src/envoy/route_configuration.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_configuration_options.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/names.h"
#include "src/envoy/plugin.h"

namespace k8sgw::envoy {

RouteConfiguration JoinVirtualHosts(const proxy::Listener& listener, const RouteConfigKey& key,
                                    const ServedVirtualHosts& hosts, const RouteConfiguration* before) {
  RouteConfiguration out;
  out.blocks = MakeBlocks(hosts, before ? before->blocks : HostBlocks());
  routev3::RouteConfiguration head;
  head.set_name(RouteConfigName(listener.spec->name(), key.ssl_hash == 0 ? "" : HexHash(key.ssl_hash)));
  const auto& options = listener.spec->route_options();
  uint32_t most = options.has_max_direct_response_body_size_bytes()
                      ? options.max_direct_response_body_size_bytes().value()
                      : kDefaultMaxBodyBytes;
  // A virtual host may still serve the last good version, from when the limit was higher.
  for (const auto& block : out.blocks) most = std::max(most, block->longest_body);
  if (options.has_max_direct_response_body_size_bytes() || most > kDefaultMaxBodyBytes) {
    head.mutable_max_direct_response_body_size_bytes()->set_value(most);
  }
  if (options.most_specific_header_mutations_wins().value()) head.set_most_specific_header_mutations_wins(true);
  Needs none;
  PerFilterConfig filters(*head.mutable_typed_per_filter_config(), none);
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->route_table) plugin->route_table(filters);
  }

  auto resource = std::make_shared<xds::Resource>();
  resource->type = xds::Type::kRoute;
  resource->name = head.name();
  resource->body.reserve(out.blocks.size() + 1);
  resource->body.push_back(std::make_shared<const std::string>(SerializeDeterministic(head)));
  resource->size = resource->body.front()->size();
  uint64_t hash = Hash64(*resource->body.front());
  for (const auto& block : out.blocks) {
    resource->body.push_back(block->bytes);
    resource->joined_from.push_back(block->pieces);
    resource->size += block->bytes->size();
    hash = HashCombine(hash, block->hash);
  }
  resource->version = HexHash(hash);
  out.resource = std::move(resource);
  return out;
}

}  // namespace k8sgw::envoy
