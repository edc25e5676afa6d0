// What the upstream sees instead of the request's path and host.

#include "envoy/config/route/v3/route_components.pb.h"

#include "api/gloo/v1/route_options.pb.h"
#include "src/envoy/path_check.h"
#include "src/envoy/plugin.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::rewrites {
namespace {

template <class In, class Out>
void TranslateRegex(const In& in, std::string_view field, envoy::Reporter& report, Out& out) {
  if (std::string problem = envoy::CheckRewrite(in.pattern().regex(), in.substitution()); !problem.empty()) {
    report.Error(field, std::move(problem), "use RE2 syntax, and \\1 for the first group");
  }
  out.mutable_pattern()->set_regex(in.pattern().regex());
  out.set_substitution(in.substitution());
}

void TranslateHost(const envoy::RouteArgs& args) {
  const auto& options = args.options;
  switch (options.host_rewrite_type_case()) {
    case gloov1::RouteOptions::kHostRewrite:
      if (args.RequireAction("hostRewrite")) args.action->set_host_rewrite_literal(options.host_rewrite());
      break;
    case gloov1::RouteOptions::kAutoHostRewrite:
      if (args.RequireAction("autoHostRewrite")) *args.action->mutable_auto_host_rewrite() = options.auto_host_rewrite();
      break;
    case gloov1::RouteOptions::kHostRewritePathRegex:
      if (args.RequireAction("hostRewritePathRegex")) {
        TranslateRegex(options.host_rewrite_path_regex(), "hostRewritePathRegex", args.report,
                       *args.action->mutable_host_rewrite_path_regex());
      }
      break;
    case gloov1::RouteOptions::kHostRewriteHeader:
      if (args.RequireAction("hostRewriteHeader")) args.action->set_host_rewrite_header(options.host_rewrite_header().value());
      break;
    case gloov1::RouteOptions::HOST_REWRITE_TYPE_NOT_SET: break;
  }
}

void Route(const envoy::RouteArgs& args) {
  const auto& options = args.options;
  if (options.has_prefix_rewrite()) {
    const std::string& rewrite = options.prefix_rewrite().value();
    if (!args.action) {
      // As published: here it is an error, unlike the options that merely have no effect.
      args.report.Error("prefixRewrite", "is only for routes that forward requests", "remove it, or give the route a routeAction");
    } else if (std::string problem = envoy::CheckPrefixRewrite(rewrite); !problem.empty()) {
      args.report.Error("prefixRewrite", std::move(problem));
    } else {
      args.action->set_prefix_rewrite(rewrite);
    }
  }
  if (options.has_regex_rewrite() && args.RequireAction("regexRewrite")) {
    if (options.has_prefix_rewrite()) {
      args.report.Error("regexRewrite", "excludes prefixRewrite", "keep one of them");
    }
    TranslateRegex(options.regex_rewrite(), "regexRewrite", args.report, *args.action->mutable_regex_rewrite());
  }
  TranslateHost(args);
  if (options.append_x_forwarded_host().value() && args.RequireAction("appendXForwardedHost")) {
    if (options.host_rewrite_type_case() == gloov1::RouteOptions::HOST_REWRITE_TYPE_NOT_SET) {
      args.report.Warning("appendXForwardedHost", "has no effect without a rewrite of the host");
    }
    args.action->set_append_x_forwarded_host(true);
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.RouteOptions.prefix_rewrite",
    "gloo.solo.io.RouteOptions.regex_rewrite",
    "gloo.solo.io.RouteOptions.host_rewrite",
    "gloo.solo.io.RouteOptions.auto_host_rewrite",
    "gloo.solo.io.RouteOptions.host_rewrite_path_regex",
    "gloo.solo.io.RouteOptions.host_rewrite_header",
    "gloo.solo.io.RouteOptions.append_x_forwarded_host",
};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "rewrites", .claims = kClaims, .route = Route};

}  // namespace k8sgw::plugins::rewrites
