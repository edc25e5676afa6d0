#include "src/envoy/listener_division.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "envoy/config/core/v3/extension.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/dynamic_modules/v3/dynamic_modules.proto.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "module/shard.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/envoy/resource.h"

namespace k8sgw::envoy {
namespace {

constexpr char kExtensionUrl[] =
    "type.googleapis.com/"
    "envoy.extensions.http.early_header_mutation.dynamic_modules.v3.DynamicModuleEarlyHeaderMutation";
constexpr char kExtAuthz[] = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
constexpr char kTranscoder[] =
    "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder";

// Filters that leave the host alone, or let it be when the route has been found. What is not here may write another
// one and have the route found anew, behind the key of the old one.
constexpr std::string_view kHarmless[] = {
    "buffer.v3.Buffer",
    "compressor.v3.Compressor",
    "cors.v3.Cors",
    "csrf.v3.CsrfPolicy",
    "fault.v3.HTTPFault",
    "grpc_json_transcoder.v3.GrpcJsonTranscoder",
    "grpc_web.v3.GrpcWeb",
    "header_mutation.v3.HeaderMutation",
    "health_check.v3.HealthCheck",
    "local_ratelimit.v3.LocalRateLimit",
    "ratelimit.v3.RateLimit",
    "rbac.v3.RBAC",
    "router.v3.Router",
};
constexpr std::string_view kFilterPrefix = "type.googleapis.com/envoy.extensions.filters.http.";

bool IsHarmless(std::string_view url) {
  if (!url.starts_with(kFilterPrefix)) return false;
  url.remove_prefix(kFilterPrefix.size());
  return std::find(std::begin(kHarmless), std::end(kHarmless), url) != std::end(kHarmless);
}

// The filter that stands against the division.
std::optional<std::string> FilterInTheWay(const hcmv3::HttpConnectionManager& hcm) {
  const auto& filters = hcm.http_filters();
  const bool transcodes = std::any_of(filters.begin(), filters.end(), [](const auto& filter) {
    return filter.typed_config().type_url() == kTranscoder;
  });
  for (const auto& filter : filters) {
    const auto& config = filter.typed_config();
    if (config.type_url() == kExtAuthz) {
      // Its server may write the host; the route is found anew only when somebody asks for that.
      ::envoy::extensions::filters::http::ext_authz::v3::ExtAuthz authz;
      if (!transcodes && authz.ParseFromString(config.value()) && !authz.clear_route_cache()) continue;
    } else if (IsHarmless(config.type_url())) {
      continue;
    }
    return filter.name();
  }
  return std::nullopt;
}

// DynamicModuleEarlyHeaderMutation: dynamic_module_config = 1, early_header_mutation_name = 2,
// early_header_mutation_config = 3. The Envoy API that we compile does not have it yet.
std::string ExtensionBytes(const std::string& prefix, const Cut& cut) {
  ::envoy::extensions::dynamic_modules::v3::DynamicModuleConfig module;
  module.set_name(shard::kModuleName);
  // Workers may be in its code when the last listener goes.
  module.set_do_not_close(true);
  google::protobuf::StringValue text;
  text.set_value(Cat(shard::kVersion, " ", cut.shards, " ", cut.header(), " ", prefix));
  google::protobuf::Any config;
  PackAny(text, &config);
  std::string out;
  const auto field = [&](int number, const std::string& bytes) {
    out.push_back(static_cast<char>(number << 3 | 2));
    size_t size = bytes.size();
    for (; size > 0x7f; size >>= 7) out.push_back(static_cast<char>((size & 0x7f) | 0x80));
    out.push_back(static_cast<char>(size));
    out += bytes;
  };
  field(1, SerializeDeterministic(module));
  field(2, shard::kExtensionName);
  field(3, SerializeDeterministic(config));
  return out;
}

void UseAds(::envoy::config::core::v3::ConfigSource& source) {
  source.mutable_ads();
  source.set_resource_api_version(::envoy::config::core::v3::V3);
}

// Where the usual header of the key is not free.
bool NeedsOwnHeader(const hcmv3::HttpConnectionManager& hcm, std::string_view bytes) {
  const auto& filters = hcm.http_filters();
  return hcm.proxy_100_continue() || NamesKeyHeader(bytes) ||
         std::any_of(filters.begin(), filters.end(),
                     [](const auto& filter) { return filter.typed_config().type_url() == kExtAuthz; });
}

// Servers that are asked are told of the request as it came: another key would be another request to those that sign
// headers or count them.
void HideKey(const Cut& cut, hcmv3::HttpConnectionManager& hcm) {
  for (auto& filter : *hcm.mutable_http_filters()) {
    ::envoy::extensions::filters::http::ext_authz::v3::ExtAuthz authz;
    if (filter.typed_config().type_url() != kExtAuthz || !authz.ParseFromString(filter.typed_config().value()))
      continue;
    authz.mutable_disallowed_headers()->add_patterns()->set_exact(cut.header());
    PackAny(authz, filter.mutable_typed_config());
  }
}

// The sources are the same in all connection managers, so Envoy asks for scopes once.
void FindRoutesByScope(const std::string& prefix, const Cut& cut, hcmv3::HttpConnectionManager& hcm) {
  // Behind those of users: theirs may not set the key.
  auto& extension = *hcm.add_early_header_mutation_extensions();
  extension.set_name(shard::kExtensionName);
  extension.mutable_typed_config()->set_type_url(kExtensionUrl);
  extension.mutable_typed_config()->set_value(ExtensionBytes(prefix, cut));
  hcm.clear_rds();
  auto& scopes = *hcm.mutable_scoped_routes();
  scopes.set_name("k8sgateway");
  auto& header = *scopes.mutable_scope_key_builder()->add_fragments()->mutable_header_value_extractor();
  header.set_name(cut.header());
  header.set_index(0);
  UseAds(*scopes.mutable_rds_config_source());
  UseAds(*scopes.mutable_scoped_rds()->mutable_scoped_rds_config_source());
}

// Why this chain's table is not divided; "" when it is, by the cut.
std::string DivideChain(const RoutedChain& routed, const Division& division, listenerv3::FilterChain& chain, Cut& cut) {
  if (!division.obstacle.empty()) return division.obstacle;
  auto& config = *chain.mutable_filters()->rbegin()->mutable_typed_config();
  hcmv3::HttpConnectionManager hcm;
  hcm.ParseFromString(config.value());
  if (const auto filter = FilterInTheWay(hcm)) return "the filter " + *filter + " may write another host";
  cut = division.cut;
  cut.own_header = cut.own_header || NeedsOwnHeader(hcm, config.value());
  FindRoutesByScope(ShardKeyPrefix(ShardPrefix(routed.route_config, cut)), cut, hcm);
  HideKey(cut, hcm);
  PackAny(hcm, &config);
  return "";
}

}  // namespace

void DivideListener(const proxy::Listener& in, const listenerv3::Listener& listener,
                    const std::vector<RoutedChain>& chains, const std::map<uint64_t, Division>& divisions,
                    TranslatedListener& result) {
  listenerv3::Listener divided = listener;
  std::set<std::string> obstacles;
  std::set<std::string> tables;
  std::set<std::string> plain_tables;
  for (int i = 0; i < divided.filter_chains_size(); ++i) {
    const RoutedChain& routed = chains[static_cast<size_t>(i)];
    const auto division = divisions.find(routed.ssl_hash);
    if (division == divisions.end() || division->second == Division()) continue;
    Cut cut;
    const std::string obstacle = DivideChain(routed, division->second, *divided.mutable_filter_chains(i), cut);
    if (!obstacle.empty()) {
      obstacles.insert(obstacle);
      continue;
    }
    result.cuts[routed.ssl_hash] = cut;
    plain_tables.insert(routed.route_config);
    const std::string prefix = ShardPrefix(routed.route_config, cut);
    for (uint32_t shard = 0; shard < cut.shards; ++shard) tables.insert(prefix + std::to_string(shard));
  }
  Reporter report(result.problems, in.source);
  for (const std::string& obstacle : obstacles) {
    report.Notice("", "its many domains stay in one route table, which Envoy makes anew for each change: " + obstacle,
                  "nothing is wrong; without that, a change of one domain would be live sooner");
  }
  if (result.cuts.empty()) return;
  auto with_module = std::make_shared<xds::Resource>(*MakeResource(xds::Type::kListener, listener.name(), divided));
  with_module->tables.assign(tables.begin(), tables.end());
  with_module->plain_tables.assign(plain_tables.begin(), plain_tables.end());
  auto both = std::make_shared<xds::Resource>(*result.resource);
  both->with_module = std::move(with_module);
  result.resource = std::move(both);
}

}  // namespace k8sgw::envoy
