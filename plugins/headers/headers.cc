// Headers that are added to or taken from requests and responses.

#include <google/protobuf/wrappers.pb.h>

#include <map>

#include "api/core/v1/ref.proto.h"
#include "api/envoy/kit/api/v2/core/base.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "api/gloo/v1/weighted_destination_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "plugins/headers/headers.proto.h"
#include "plugins/headers/secret_reach.h"
#include "src/envoy/header_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::headers {
namespace {

namespace headersv1 = ::headers::options::gloo::solo::io;
using ::envoy::config::core::v3::HeaderValueOption;
using HeadersToAdd = google::protobuf::RepeatedPtrField<HeaderValueOption>;

// Of Envoy, for each list of headers to add.
constexpr int kMaxHeaders = 1000;
// An operator that Envoy knows in access logs, but not in headers.

std::string Element(std::string_view list, int i) {
  return "headerManipulation." + std::string(list) + "[" + std::to_string(i) + "]";
}

void Add(const std::string& name, const std::string& value, bool append, const std::string& field,
         envoy::Reporter& report, HeadersToAdd& out) {
  if (std::string problem = envoy::CheckHeaderValue(value); !problem.empty()) {
    report.Error(field, "the value of \"" + name + "\" " + problem, envoy::kHeaderValueFix);
  }
  auto& option = *out.Add();
  option.mutable_header()->set_key(name);
  option.mutable_header()->set_value(value);
  option.set_append_action(append ? HeaderValueOption::APPEND_IF_EXISTS_OR_ADD
                                  : HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
}

// A percent sign in a secret is only a percent sign.
std::string Literal(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == '%' ? 2 : 1, c);
  return out;
}

template <class Args>
void AddSecret(const Args& args, const SecretRef& ref, bool append, const std::string& field, HeadersToAdd& out) {
  envoy::Reporter& report = args.report;
  const auto secret = args.context.FindSecret(ref);
  if (!secret || !secret->spec.has_header()) {
    report.Error(field,
                 secret ? "Secret " + ref.ToString() + " holds no headers" : "there is no Secret " + ref.ToString(),
                 "create a Secret of headers with this name");
    return;
  }
  if (args.context.options().header_secrets_match_upstreams) {
    if (const std::string outside = OutsideOf(ref.ns, args); !outside.empty()) {
      report.Error(field, "Secret " + ref.ToString() + " would be sent to " + outside + ", outside of its namespace",
                   "use a Secret of that namespace, or leave HEADER_SECRET_REF_NS_MATCHES_US unset");
    }
  }
  const auto& headers = secret->spec.header().headers();
  const std::map<std::string, std::string> sorted(headers.begin(), headers.end());
  for (const auto& [name, value] : sorted) {
    envoy::CheckChangedHeader(name, field, report);
    Add(name, Literal(value), append, field, report, out);
  }
}

void CheckCount(const HeadersToAdd& headers, std::string_view list, envoy::Reporter& report) {
  if (headers.size() <= kMaxHeaders) return;
  report.Error("headerManipulation." + std::string(list), "adds " + std::to_string(headers.size()) + " headers",
               "add " + std::to_string(kMaxHeaders) + " or fewer");
}

template <class Option>
bool Appends(const Option& option) {
  return !option.has_append() || option.append().value();
}

// `args.out` is a Route, a VirtualHost or a ClusterWeight: they name these fields alike.
template <class Args>
void Apply(const Args& args) {
  if (!args.options.has_header_manipulation()) return;
  const headersv1::HeaderManipulation& in = args.options.header_manipulation();
  auto& requests = *args.out.mutable_request_headers_to_add();
  for (int i = 0; i < in.request_headers_to_add_size(); ++i) {
    const auto& option = in.request_headers_to_add(i);
    const std::string field = Element("requestHeadersToAdd", i);
    if (option.has_header_secret_ref()) {
      const SecretRef ref{option.header_secret_ref().namespace_(), option.header_secret_ref().name()};
      AddSecret(args, ref, Appends(option), field + ".headerSecretRef", requests);
      continue;
    }
    envoy::CheckChangedHeader(option.header().key(), field + ".header.key", args.report);
    envoy::CheckHeaderFormat(option.header().value(), field + ".header.value", args.report);
    Add(option.header().key(), option.header().value(), Appends(option), field + ".header.value", args.report,
        requests);
  }
  CheckCount(requests, "requestHeadersToAdd", args.report);
  auto& responses = *args.out.mutable_response_headers_to_add();
  for (int i = 0; i < in.response_headers_to_add_size(); ++i) {
    const auto& option = in.response_headers_to_add(i);
    const std::string field = Element("responseHeadersToAdd", i);
    envoy::CheckChangedHeader(option.header().key(), field + ".header.key", args.report);
    envoy::CheckHeaderFormat(option.header().value(), field + ".header.value", args.report);
    Add(option.header().key(), option.header().value(), Appends(option), field + ".header.value", args.report,
        responses);
  }
  CheckCount(responses, "responseHeadersToAdd", args.report);
  for (int i = 0; i < in.request_headers_to_remove_size(); ++i) {
    envoy::CheckChangedHeader(in.request_headers_to_remove(i), Element("requestHeadersToRemove", i), args.report);
  }
  for (int i = 0; i < in.response_headers_to_remove_size(); ++i) {
    envoy::CheckChangedHeader(in.response_headers_to_remove(i), Element("responseHeadersToRemove", i), args.report);
  }
  *args.out.mutable_request_headers_to_remove() = in.request_headers_to_remove();
  *args.out.mutable_response_headers_to_remove() = in.response_headers_to_remove();
}

void VirtualHost(const envoy::VirtualHostArgs& args) { Apply(args); }
void Route(const envoy::RouteArgs& args) { Apply(args); }
void WeightedDestination(const envoy::WeightedDestinationArgs& args) { Apply(args); }

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.VirtualHostOptions.header_manipulation",
    "gloo.solo.io.RouteOptions.header_manipulation",
    "gloo.solo.io.WeightedDestinationOptions.header_manipulation",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "headers",
    .claims = kClaims,
    .virtual_host = VirtualHost,
    .route = Route,
    .weighted_destination = WeightedDestination,
};

}  // namespace k8sgw::plugins::headers
