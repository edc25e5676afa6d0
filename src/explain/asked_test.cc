#include "src/explain/asked.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "envoy/config/core/v3/grpc_service.proto.h"
#include "envoy/config/ratelimit/v3/rls.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"

namespace k8sgw::explain {
namespace {

namespace routev3 = ::envoy::config::route::v3;
namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
namespace authv3 = ::envoy::extensions::filters::http::ext_authz::v3;
namespace limitv3 = ::envoy::extensions::filters::http::ratelimit::v3;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kAuth[] = "envoy.filters.http.ext_authz";
constexpr char kLimit[] = "envoy.filters.http.ratelimit";

struct AskedTest : testing::Test {
  AskedTest() {
    authv3::ExtAuthzPerRoute off;
    off.set_disabled(true);
    (*routes.mutable_typed_per_filter_config())[kAuth].PackFrom(off);
    route.mutable_route()->set_cluster("backend");
  }
  template <class Config>
  void AddFilter(const char* name, const Config& config) {
    auto& filter = *hcm.add_http_filters();
    filter.set_name(name);
    filter.mutable_typed_config()->PackFrom(config);
  }
  void AddAuth() {
    authv3::ExtAuthz config;
    config.mutable_grpc_service()->mutable_envoy_grpc()->set_cluster_name("auth");
    AddFilter(kAuth, config);
  }
  void AddLimit() {
    limitv3::RateLimit config;
    config.set_stage(1);
    config.mutable_rate_limit_service()->mutable_grpc_service()->mutable_envoy_grpc()->set_cluster_name("limits");
    AddFilter(kLimit, config);
  }
  template <class Part>
  static void Want(Part& part, const std::map<std::string, std::string>& context) {
    authv3::ExtAuthzPerRoute on;
    on.mutable_check_settings()->mutable_context_extensions()->insert(context.begin(), context.end());
    (*part.mutable_typed_per_filter_config())[kAuth].PackFrom(on);
  }
  std::vector<std::string> Asked() const { return AskedServers(hcm, routes, host, route); }

  hcmv3::HttpConnectionManager hcm;
  routev3::RouteConfiguration routes;
  routev3::VirtualHost host;
  routev3::Route route;
};

TEST_F(AskedTest, NobodyWithoutFilters) { EXPECT_THAT(Asked(), IsEmpty()); }

TEST_F(AskedTest, AuthorizationIsWantedByTheInnermost) {
  AddAuth();
  EXPECT_THAT(Asked(), ElementsAre("authorization   asks nobody, as neither route nor virtual host wants it"));
  Want(host, {{"a", "1"}, {"b", "2"}});
  EXPECT_THAT(Asked(), ElementsAre("authorization   asks auth by gRPC, with a=1, b=2"));
  Want(route, {{"b", "3"}});
  EXPECT_THAT(Asked(), ElementsAre("authorization   asks auth by gRPC, with a=1, b=3"));
  authv3::ExtAuthzPerRoute off;
  off.set_disabled(true);
  (*route.mutable_typed_per_filter_config())[kAuth].PackFrom(off);
  EXPECT_THAT(Asked(), ElementsAre("authorization   asks nobody, as the route says"));
}

TEST_F(AskedTest, AuthorizationWithoutAServer) {
  authv3::ExtAuthz config;
  config.mutable_filter_enabled();
  AddFilter(kAuth, config);
  Want(host, {});
  EXPECT_THAT(Asked(), ElementsAre("authorization   403, as there is no server to ask any more"));
}

TEST_F(AskedTest, LimitsOfTheRouteReplaceThoseOfItsHost) {
  AddLimit();
  EXPECT_THAT(Asked(), ElementsAre("rate limits     asks nobody, as neither route nor virtual host has limits"));
  for (int i = 0; i < 2; ++i) host.add_rate_limits()->mutable_stage()->set_value(1);
  host.add_rate_limits()->mutable_stage()->set_value(3);
  EXPECT_THAT(Asked(), ElementsAre("rate limits     asks limits by gRPC, about 2 descriptors"));
  route.mutable_route()->add_rate_limits()->mutable_stage()->set_value(1);
  EXPECT_THAT(Asked(), ElementsAre("rate limits     asks limits by gRPC, about 1 descriptor"));
  limitv3::RateLimitPerRoute both;
  both.set_vh_rate_limits(limitv3::RateLimitPerRoute::INCLUDE);
  (*route.mutable_typed_per_filter_config())[kLimit].PackFrom(both);
  EXPECT_THAT(Asked(), ElementsAre("rate limits     asks limits by gRPC, about 3 descriptors"));
}

}  // namespace
}  // namespace k8sgw::explain
