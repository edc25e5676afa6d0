#include "src/envoy/route.h"

#include <google/protobuf/wrappers.pb.h>

#include "api/envoy/type/matcher/v3/regex.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/destination.h"
#include "src/envoy/matcher.h"
#include "src/envoy/names.h"
#include "src/envoy/path_check.h"
#include "src/envoy/regex.h"

namespace k8sgw::envoy {
namespace {

void CheckPathAt(std::string_view field, const std::string& path, Reporter& report) {
  if (std::string problem = CheckPath(path); !problem.empty())
    report.Error(field, std::move(problem), "write the path as a client sends it, with %XX for other characters");
}

void TranslateRedirect(const gloov1::RedirectAction& in, Reporter report, routev3::RedirectAction& out) {
  CheckPathAt("hostRedirect", in.host_redirect(), report);
  out.set_host_redirect(in.host_redirect());
  switch (in.path_rewrite_specifier_case()) {
    case gloov1::RedirectAction::kPathRedirect:
      CheckPathAt("pathRedirect", in.path_redirect(), report);
      out.set_path_redirect(in.path_redirect());
      break;
    case gloov1::RedirectAction::kPrefixRewrite:
      if (std::string problem = CheckPrefixRewrite(in.prefix_rewrite()); !problem.empty()) {
        report.Error("prefixRewrite", std::move(problem),
                     "write the path as a client sends it, with %XX for other characters");
      }
      out.set_prefix_rewrite(in.prefix_rewrite());
      break;
    case gloov1::RedirectAction::kRegexRewrite: {
      const auto& rewrite = in.regex_rewrite();
      TranslateSubstitution("regexRewrite", rewrite.pattern().regex(), rewrite.substitution(), report,
                            *out.mutable_regex_rewrite());
      Reporter part = report.At("regexRewrite");
      WarnUntranslated(rewrite, part);
      break;
    }
    case gloov1::RedirectAction::PATH_REWRITE_SPECIFIER_NOT_SET: break;
  }
  // The published enum has the numbers of Envoy's.
  out.set_response_code(static_cast<routev3::RedirectAction::RedirectResponseCode>(in.response_code()));
  if (in.https_redirect()) out.set_https_redirect(true);
  out.set_strip_query(in.strip_query());
  if (in.has_port_redirect()) {
    if (in.port_redirect().value() > 65535) report.Error("portRedirect", "a port is at most 65535", "write 1 to 65535");
    out.set_port_redirect(in.port_redirect().value());
  }
}

void TranslateDirectResponse(const gloov1::DirectResponseAction& in, Reporter report,
                             routev3::DirectResponseAction& out) {
  if (in.status() < 200 || in.status() > 599) {
    report.Error("status", "is " + std::to_string(in.status()) + ", which is no status of a response",
                 "use 200 to 599");
  }
  out.set_status(in.status());
  if (!in.body().empty()) out.mutable_body()->set_inline_string(in.body());
}

void TranslateAction(const Context& context, const gloov1::Route& in, Reporter& report, Needs& needs,
                     routev3::Route& out) {
  switch (in.action_case()) {
    case gloov1::Route::kRouteAction: {
      Reporter action = report.At("routeAction");
      TranslateDestination(context, in.route_action(), action, needs, *out.mutable_route());
      break;
    }
    case gloov1::Route::kRedirectAction:
      TranslateRedirect(in.redirect_action(), report.At("redirectAction"), *out.mutable_redirect());
      break;
    case gloov1::Route::kDirectResponseAction:
      TranslateDirectResponse(in.direct_response_action(), report.At("directResponseAction"),
                              *out.mutable_direct_response());
      break;
    case gloov1::Route::ACTION_NOT_SET:
      report.Error("", "the route has no action",
                   "add routeAction, redirectAction, directResponseAction or delegateAction");
      break;
  }
}

}  // namespace

void TranslateRoute(const Context& context, const gloov1::HttpListenerOptions& http_listener_options,
                    const gloov1::VirtualHost& virtual_host, int index, const proxy::RouteSource& source,
                    Reporter& report, Needs& needs, routev3::VirtualHost& out) {
  const gloov1::Route& in = virtual_host.routes(index);
  // Everything but the match is the same for each matcher.
  routev3::Route base;
  TranslateAction(context, in, report, needs, base);
  PerFilterConfig filters(*base.mutable_typed_per_filter_config(), needs);
  Reporter options = report.ForOptions("options", *in.options().GetDescriptor(), source.options);
  const RouteArgs args{context,
                       in,
                       in.options(),
                       virtual_host.options(),
                       http_listener_options,
                       options,
                       base,
                       base.has_route() ? base.mutable_route() : nullptr,
                       filters};
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->route) plugin->route(args);
  }
  WarnUntranslated(in.options(), options);

  std::string name = virtual_host.name() + "-route-" + std::to_string(index);
  if (!in.name().empty()) name += "-" + in.name();
  if (in.matchers().empty()) {
    base.mutable_match()->set_prefix("/");
    base.set_name(name + "-matcher-0");
    out.add_routes()->Swap(&base);
    return;
  }
  for (int i = 0; i < in.matchers_size(); ++i) {
    routev3::Route& route = *out.add_routes();
    if (i + 1 < in.matchers_size()) {
      route = base;
    } else {
      route.Swap(&base);
    }
    route.set_name(name + "-matcher-" + std::to_string(i));
    Reporter matcher = report.At("matchers[" + std::to_string(i) + "]");
    TranslateMatcher(in.matchers(i), matcher, *route.mutable_match());
  }
}

}  // namespace k8sgw::envoy
