#include "src/envoy/route_configuration.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_configuration_options.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/names.h"
#include "src/envoy/plugin.h"

namespace k8sgw::envoy {
namespace {

// Everything but the virtual hosts, of which `longest_body` is the longest direct response.
routev3::RouteConfiguration MakeHead(const proxy::Listener& listener, std::string name, uint32_t longest_body) {
  routev3::RouteConfiguration head;
  head.set_name(std::move(name));
  const auto& options = listener.spec->route_options();
  const uint32_t allowed = options.has_max_direct_response_body_size_bytes()
                               ? options.max_direct_response_body_size_bytes().value()
                               : kDefaultMaxBodyBytes;
  // A virtual host may still serve the last good version, from when the limit was higher.
  const uint32_t most = std::max(allowed, longest_body);
  if (options.has_max_direct_response_body_size_bytes() || most > kDefaultMaxBodyBytes) {
    head.mutable_max_direct_response_body_size_bytes()->set_value(most);
  }
  if (options.most_specific_header_mutations_wins().value()) head.set_most_specific_header_mutations_wins(true);
  Needs none;
  PerFilterConfig filters(*head.mutable_typed_per_filter_config(), none);
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->route_table) plugin->route_table(filters);
  }
  return head;
}

std::shared_ptr<xds::Resource> Begin(const routev3::RouteConfiguration& head) {
  auto resource = std::make_shared<xds::Resource>();
  resource->type = xds::Type::kRoute;
  resource->name = head.name();
  resource->body.push_back(std::make_shared<const std::string>(SerializeDeterministic(head)));
  resource->size = resource->body.front()->size();
  return resource;
}

template <class Blocks>
std::shared_ptr<xds::Resource> Join(const proxy::Listener& listener, const std::string& name, const Blocks& blocks,
                                    const Cut* cut = nullptr) {
  uint32_t longest_body = 0;
  for (const auto& block : blocks) longest_body = std::max(longest_body, block->longest_body);
  routev3::RouteConfiguration head = MakeHead(listener, name, longest_body);
  if (cut) head.add_request_headers_to_remove(cut->header());
  auto resource = Begin(head);
  resource->body.reserve(blocks.size() + 1);
  uint64_t hash = Hash64(*resource->body.front());
  for (const auto& block : blocks) {
    resource->body.push_back(block->bytes);
    resource->joined_from.push_back(block->pieces);
    resource->size += block->bytes->size();
    hash = HashCombine(hash, block->hash);
  }
  resource->version = HexHash(hash);
  return resource;
}

}  // namespace

RouteConfiguration JoinVirtualHosts(const proxy::Listener& listener, const RouteConfigKey& key,
                                    const ServedVirtualHosts& hosts, const RouteConfiguration* before) {
  HostBlocks blocks = MakeBlocks(hosts, before ? before->blocks : HostBlocks());
  const std::string name = RouteConfigName(listener.spec->name(), key.ssl_hash == 0 ? "" : HexHash(key.ssl_hash));
  auto resource = Join(listener, name, blocks);
  return {std::move(resource), std::move(blocks)};
}

RouteConfiguration MakePart(const proxy::Listener& listener, const std::string& name, const Cut& cut,
                            const std::vector<Ptr<Block>>& blocks) {
  auto resource = Join(listener, name, blocks, &cut);
  resource->only_with_module = true;
  return {std::move(resource), {}};
}

}  // namespace k8sgw::envoy
