// Headers that are added to or taken from requests and responses.

#include <algorithm>

#include "envoy/config/route/v3/route_components.pb.h"

#include "api/gloo/v1/route_options.pb.h"
#include "api/gloo/v1/secret.pb.h"
#include "api/gloo/v1/virtual_host_options.pb.h"
#include "api/gloo/v1/weighted_destination_options.pb.h"
#include "plugins/headers/headers.pb.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::headers {
namespace {

namespace headersv1 = ::headers::options::gloo::solo::io;
using ::envoy::config::core::v3::HeaderValueOption;

// RFC 9110's token.
bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool IsHost(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "host";
}

void CheckName(const std::string& name, bool request, const std::string& field, envoy::Reporter& report) {
  if (name.starts_with(':') || (!request && IsHost(name))) {
    report.Error(field, "\"" + name + "\" cannot be set here", "use the rewrites of routes for the path and the host");
  } else if (!IsName(name)) {
    report.Error(field, "\"" + name + "\" is no name of a header", "use letters, digits and \"-\"");
  }
}

void Add(const std::string& name, const std::string& value, bool append, bool request, const std::string& field,
         envoy::Reporter& report, HeaderValueOption& out) {
  CheckName(name, request, field, report);
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    report.Error(field, "the value holds a line break or a NUL byte", "remove it");
  }
  out.mutable_header()->set_key(name);
  out.mutable_header()->set_value(value);
  out.set_append_action(append ? HeaderValueOption::APPEND_IF_EXISTS_OR_ADD : HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
}

void AddSecret(const envoy::Context& context, const SecretRef& ref, bool append, const std::string& field,
               envoy::Reporter& report, google::protobuf::RepeatedPtrField<HeaderValueOption>* out) {
  const auto secret = context.FindSecret(ref);
  if (!secret || !secret->spec.has_header()) {
    report.Error(field + ".headerSecretRef", secret ? "Secret " + ref.ToString() + " holds no headers" : "there is no Secret " + ref.ToString(),
                 "create a Secret of headers with this name");
    return;
  }
  const auto& headers = secret->spec.header().headers();
  const std::map<std::string, std::string> sorted(headers.begin(), headers.end());
  for (const auto& [name, value] : sorted) Add(name, value, append, true, field, report, *out->Add());
}

// `out` is a Route, a VirtualHost or a ClusterWeight: they name these fields alike.
template <class Out>
void Translate(const envoy::Context& context, const headersv1::HeaderManipulation& in, envoy::Reporter report, Out& out) {
  for (int i = 0; i < in.request_headers_to_add_size(); ++i) {
    const auto& option = in.request_headers_to_add(i);
    const std::string field = "requestHeadersToAdd[" + std::to_string(i) + "]";
    const bool append = !option.has_append() || option.append().value();
    if (option.has_header_secret_ref()) {
      AddSecret(context, {option.header_secret_ref().namespace_(), option.header_secret_ref().name()}, append, field, report,
                out.mutable_request_headers_to_add());
    } else {
      Add(option.header().key(), option.header().value(), append, true, field + ".header", report, *out.add_request_headers_to_add());
    }
  }
  for (int i = 0; i < in.response_headers_to_add_size(); ++i) {
    const auto& option = in.response_headers_to_add(i);
    Add(option.header().key(), option.header().value(), !option.has_append() || option.append().value(), false,
        "responseHeadersToAdd[" + std::to_string(i) + "].header", report, *out.add_response_headers_to_add());
  }
  for (int i = 0; i < in.request_headers_to_remove_size(); ++i) {
    const std::string field = "requestHeadersToRemove[" + std::to_string(i) + "]";
    CheckName(in.request_headers_to_remove(i), false, field, report);
    out.add_request_headers_to_remove(in.request_headers_to_remove(i));
  }
  for (int i = 0; i < in.response_headers_to_remove_size(); ++i) {
    CheckName(in.response_headers_to_remove(i), false, "responseHeadersToRemove[" + std::to_string(i) + "]", report);
    out.add_response_headers_to_remove(in.response_headers_to_remove(i));
  }
}

template <class Args>
void Apply(const Args& args) {
  if (!args.options.has_header_manipulation()) return;
  Translate(args.context, args.options.header_manipulation(), args.report.At("headerManipulation"), args.out);
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
