// External authorization: a server is asked about the requests of virtual hosts, routes and weighted destinations that
// want it.

#include "api/core/v1/ref.proto.h"
#include "api/enterprise/extauth.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "api/gloo/v1/weighted_destination_options.proto.h"
#include "envoy/config/common/mutation_rules/v3/mutation_rules.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.proto.h"
#include "plugins/ext_auth/settings.h"
#include "src/envoy/asked_server.h"
#include "src/envoy/header_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::ext_auth {
namespace {

constexpr char kFilter[] = "envoy.filters.http.ext_authz";
constexpr char kUserIdFilter[] = "envoy.filters.http.header_mutation.user_id";

authv3::ExtAuthzPerRoute Off() {
  authv3::ExtAuthzPerRoute off;
  off.set_disabled(true);
  return off;
}

// The tables of routes say that nobody is asked, not the filter: an earlier filter may change which route it is.
void RouteTable(envoy::PerFilterConfig& filters) { filters.SetIfThere(kFilter, Off()); }

void ForRoutes(const gloov1::HttpListenerOptions& from, gloov1::HttpListenerOptions& to) {
  if (from.has_extauth()) to.mutable_extauth();
}

template <typename Args>
void CheckServer([[maybe_unused]] const Args& args, [[maybe_unused]] envoy::Reporter& report) {
  // Options of weighted destinations are checked without their listener; what they guard is denied there.
  if constexpr (requires { args.http_listener_options; }) {
    if (args.http_listener_options.has_extauth()) return;
    report.Error("customAuth", "there is no server to ask",
                 "name one in extauth.extauthzServerRef of Settings or of the Gateway's options");
  }
}

// The same on virtual hosts, routes and weighted destinations. The innermost one decides whether the server is asked;
// Envoy gives it the context of all of them.
template <typename Args>
void PerRoute(const Args& args) {
  if (!args.options.has_extauth()) return;
  const authv1::ExtAuthExtension& in = args.options.extauth();
  envoy::Reporter report = args.report.At("extauth");
  switch (in.spec_case()) {
    case authv1::ExtAuthExtension::kDisable:
      if (in.disable()) {
        args.filters.SetIfThere(kFilter, Off());
      } else {
        report.Warning("disable", "has no effect when it is false",
                       "remove it, or write customAuth: {} to have the server asked");
      }
      return;
    case authv1::ExtAuthExtension::kConfigRef:
      return envoy::ReportEnterprise("configRef", "ask a server of your own with customAuth", report);
    case authv1::ExtAuthExtension::kCustomAuth: break;
    case authv1::ExtAuthExtension::SPEC_NOT_SET:
      report.Warning("", "has no effect, because it is empty", "write customAuth: {} to have the server asked");
      return;
  }
  if (!in.custom_auth().name().empty()) {
    envoy::ReportEnterprise("customAuth.name", "remove it: there is one server for each listener", report);
  }
  CheckServer(args, report);
  authv3::ExtAuthzPerRoute out;
  out.mutable_check_settings();
  *out.mutable_check_settings()->mutable_context_extensions() = in.custom_auth().context_extensions();
  args.filters.Set(kFilter, out);
}

// Nobody but the server may say who the user is.
void AddUserIdFilter(const envoy::HttpListenerArgs& args, const std::string& name, envoy::Reporter& report) {
  if (name.empty()) return;
  envoy::CheckChangedHeader(name, "userIdHeader", report, "use a header of its own, such as x-user-id");
  ::envoy::extensions::filters::http::header_mutation::v3::HeaderMutation out;
  out.mutable_mutations()->add_request_mutations()->set_remove(name);
  args.AddFilter({envoy::Stage::kAuthN, -1}, kUserIdFilter, out);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  authv3::ExtAuthz out;
  if (args.options.has_extauth()) {
    envoy::Reporter report = args.report.At("extauth");
    TranslateSettings(args.context, args.options.extauth(), report, out);
    AddUserIdFilter(args, args.options.extauth().user_id_header(), report);
  } else if (args.needs.contains(kFilter)) {
    // The server has gone, and last good routes go on that were accepted with it.
    DenyAll(out);
  } else {
    return;
  }
  args.AddFilter({envoy::Stage::kAuthN}, kFilter, out);
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.HttpListenerOptions.extauth",
    "gloo.solo.io.VirtualHostOptions.extauth",
    "gloo.solo.io.RouteOptions.extauth",
    "gloo.solo.io.WeightedDestinationOptions.extauth",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "ext_auth",
    .claims = kClaims,
    .route_table = RouteTable,
    .for_routes = ForRoutes,
    .virtual_host = PerRoute<envoy::VirtualHostArgs>,
    .route = PerRoute<envoy::RouteArgs>,
    .weighted_destination = PerRoute<envoy::WeightedDestinationArgs>,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::ext_auth
