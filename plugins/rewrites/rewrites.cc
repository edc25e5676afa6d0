// What the upstream sees instead of the request's path and host.

#include <google/protobuf/wrappers.pb.h>

#include "api/envoy/type/matcher/v3/regex.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/header_check.h"
#include "src/envoy/path_check.h"
#include "src/envoy/plugin.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::rewrites {
namespace {

void CheckValue(const std::string& value, const std::string& field, envoy::Reporter& report) {
  if (std::string problem = envoy::CheckHeaderValue(value); !problem.empty()) {
    report.Error(field, std::move(problem), envoy::kHeaderValueFix);
  }
}

template <class In, class Out>
void TranslatePattern(const In& in, const std::string& field, envoy::Reporter& report, Out& out) {
  envoy::TranslateSubstitution(field, in.pattern().regex(), in.substitution(), report, out);
  CheckValue(in.substitution(), field + ".substitution", report);
}

void TranslatePrefix(const envoy::RouteArgs& args) {
  const std::string& rewrite = args.options.prefix_rewrite().value();
  if (!args.action) {
    // As published: here it is an error, unlike the options that merely have no effect.
    args.report.Error("prefixRewrite", "is only for routes that forward requests",
                      "remove it, or give the route a routeAction");
    return;
  }
  if (std::string problem = envoy::CheckPrefixRewrite(rewrite); !problem.empty()) {
    args.report.Error("prefixRewrite", std::move(problem), "use a plain path such as /new");
  }
  // The check of the path leaves out a query.
  CheckValue(rewrite, "prefixRewrite", args.report);
  args.action->set_prefix_rewrite(rewrite);
}

void TranslateHost(const envoy::RouteArgs& args) {
  const auto& options = args.options;
  switch (options.host_rewrite_type_case()) {
    case gloov1::RouteOptions::kHostRewrite:
      if (!args.RequireAction("hostRewrite")) return;
      CheckValue(options.host_rewrite(), "hostRewrite", args.report);
      args.action->set_host_rewrite_literal(options.host_rewrite());
      return;
    case gloov1::RouteOptions::kAutoHostRewrite:
      if (!args.RequireAction("autoHostRewrite")) return;
      *args.action->mutable_auto_host_rewrite() = options.auto_host_rewrite();
      return;
    case gloov1::RouteOptions::kHostRewritePathRegex:
      if (!args.RequireAction("hostRewritePathRegex")) return;
      TranslatePattern(options.host_rewrite_path_regex(), "hostRewritePathRegex", args.report,
                       *args.action->mutable_host_rewrite_path_regex());
      return;
    case gloov1::RouteOptions::kHostRewriteHeader:
      if (!args.RequireAction("hostRewriteHeader")) return;
      if (std::string problem = envoy::CheckHeaderName(options.host_rewrite_header().value()); !problem.empty()) {
        args.report.Error("hostRewriteHeader", std::move(problem), envoy::kHeaderNameFix);
      }
      args.action->set_host_rewrite_header(options.host_rewrite_header().value());
      return;
    case gloov1::RouteOptions::HOST_REWRITE_TYPE_NOT_SET: return;
  }
}

void Route(const envoy::RouteArgs& args) {
  const auto& options = args.options;
  if (options.has_prefix_rewrite()) TranslatePrefix(args);
  if (options.has_regex_rewrite() && args.RequireAction("regexRewrite")) {
    if (!options.prefix_rewrite().value().empty()) {
      args.report.Error("regexRewrite", "excludes prefixRewrite", "keep one of them");
    }
    TranslatePattern(options.regex_rewrite(), "regexRewrite", args.report, *args.action->mutable_regex_rewrite());
  }
  TranslateHost(args);
  if (options.append_x_forwarded_host().value() && args.RequireAction("appendXForwardedHost")) {
    if (options.host_rewrite_type_case() == gloov1::RouteOptions::HOST_REWRITE_TYPE_NOT_SET) {
      args.report.Warning("appendXForwardedHost", "has no effect without a rewrite of the host",
                          "add hostRewrite or autoHostRewrite, or remove it");
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
