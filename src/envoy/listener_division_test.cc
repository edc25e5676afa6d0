#include "src/envoy/listener_division.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "src/base/proto_codec.h"
#include "src/envoy/resource.h"

namespace k8sgw::envoy {
namespace {

namespace authv3 = ::envoy::extensions::filters::http::ext_authz::v3;

listenerv3::Listener ListenerWith(const authv3::ExtAuthz& authz) {
  hcmv3::HttpConnectionManager hcm;
  hcm.mutable_rds()->set_route_config_name("routes");
  auto& filter = *hcm.add_http_filters();
  filter.set_name("envoy.filters.http.ext_authz");
  PackAny(authz, filter.mutable_typed_config());
  listenerv3::Listener listener;
  listener.set_name("l");
  PackAny(hcm, listener.add_filter_chains()->add_filters()->mutable_typed_config());
  return listener;
}

authv3::ExtAuthz AuthorizationOf(const xds::Resource& resource) {
  listenerv3::Listener listener;
  const auto any = ParseAny(resource);
  EXPECT_TRUE(any != nullptr);
  listener.CopyFrom(*any);
  hcmv3::HttpConnectionManager hcm;
  EXPECT_TRUE(hcm.ParseFromString(listener.filter_chains(0).filters(0).typed_config().value()));
  authv3::ExtAuthz authz;
  EXPECT_TRUE(authz.ParseFromString(hcm.http_filters(0).typed_config().value()));
  return authz;
}

TEST(ListenerDivisionTest, TheKeyIsNotSentToServersThatAreAsked) {
  authv3::ExtAuthz authz;
  authz.mutable_allowed_headers()->add_patterns()->set_prefix("x-");
  authz.mutable_disallowed_headers()->add_patterns()->set_exact("x-of-the-user");
  const listenerv3::Listener listener = ListenerWith(authz);
  TranslatedListener result;
  result.resource = MakeResource(xds::Type::kListener, "l", listener);
  DivideListener({}, listener, {{"routes", 0}}, {{0, {.cut = {.shards = 4}, .obstacle = ""}}}, result);
  ASSERT_TRUE(result.resource->with_module);
  EXPECT_TRUE(result.cuts.at(0).own_header);
  const authv3::ExtAuthz divided = AuthorizationOf(*result.resource->with_module);
  ASSERT_EQ(divided.disallowed_headers().patterns_size(), 2);
  EXPECT_EQ(divided.disallowed_headers().patterns(0).exact(), "x-of-the-user");
  EXPECT_EQ(divided.disallowed_headers().patterns(1).exact(), result.cuts.at(0).header());
  EXPECT_EQ(divided.allowed_headers().patterns_size(), 1);
  EXPECT_EQ(AuthorizationOf(*result.resource).disallowed_headers().patterns_size(), 1) << "nothing is divided there";
}

}  // namespace
}  // namespace k8sgw::envoy
