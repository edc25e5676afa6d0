#include "plugins/hcm/early_headers.h"

#include <map>

#include "absl/strings/match.h"
#include "envoy/config/common/mutation_rules/v3/mutation_rules.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb.h"

#include "api/envoy/kit/api/v2/core/base.pb.h"
#include "api/gloo/v1/secret.pb.h"
#include "plugins/access_log/format_check.h"
#include "plugins/headers/headers.pb.h"

namespace k8sgw::plugins::hcm {
namespace {

namespace corev2 = ::solo::io::envoy::api::v2::core;
namespace corev3 = ::envoy::config::core::v3;
using ::envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation;

constexpr char kExtension[] = "http.early_header_mutation.header_mutation";
constexpr char kNotInHeaders[] = "REQ_WITHOUT_QUERY";

void CheckName(const std::string& name, std::string_view field, envoy::Reporter& report) {
  if (name.empty()) {
    report.Error(field, "the name of the header is missing", "write it");
  } else if (name[0] == ':' || absl::EqualsIgnoreCase(name, "host")) {
    report.Error(field, "\"" + name + "\" cannot be changed here",
                 "use the rewrites of routes for the path and the host");
  }
}

void CheckValue(const std::string& value, std::string_view field, envoy::Reporter& report) {
  std::string problem = access_log::CheckFormat(value);
  if (problem.empty() && access_log::UsesOperator(value, kNotInHeaders)) {
    problem = "%" + std::string(kNotInHeaders) + "% is only for access logs";
  }
  if (!problem.empty()) report.Error(field, std::move(problem), "mend the operator, or write %% for a percent sign");
}

void Add(const std::string& name, const std::string& value, const corev2::HeaderValueOption& option,
         HeaderMutation& out) {
  corev3::HeaderValueOption& header = *out.add_mutations()->mutable_append();
  header.mutable_header()->set_key(name);
  header.mutable_header()->set_value(value);
  const bool append = !option.has_append() || option.append().value();
  header.set_append_action(append ? corev3::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD
                                  : corev3::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
}

// A percent sign in a secret is only a percent sign.
std::string Literal(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == '%' ? 2 : 1, c);
  return out;
}

void AddFromSecret(const envoy::Context& context, const corev2::HeaderValueOption& option, envoy::Reporter& report,
                   HeaderMutation& out) {
  const SecretRef ref{option.header_secret_ref().namespace_(), option.header_secret_ref().name()};
  const auto secret = context.FindSecret(ref);
  if (!secret || !secret->spec.has_header()) {
    report.Error("headerSecretRef",
                 "Secret " + ref.ToString() + (secret ? " holds no headers" : " does not exist"),
                 "create a Secret of headers with this name");
    return;
  }
  const auto& headers = secret->spec.header().headers();
  const std::map<std::string, std::string> sorted(headers.begin(), headers.end());
  for (const auto& [name, value] : sorted) {
    CheckName(name, "headerSecretRef", report);
    Add(name, Literal(value), option, out);
  }
}

}  // namespace

void TranslateEarlyHeaders(const envoy::Context& context,
                           const ::headers::options::gloo::solo::io::EarlyHeaderManipulation& in,
                           envoy::Reporter report, envoy::hcmv3::HttpConnectionManager& out) {
  HeaderMutation mutation;
  for (int i = 0; i < in.headers_to_add_size(); ++i) {
    const corev2::HeaderValueOption& option = in.headers_to_add(i);
    envoy::Reporter at = report.At("headersToAdd[" + std::to_string(i) + "]");
    if (option.has_header_secret_ref()) {
      AddFromSecret(context, option, at, mutation);
      continue;
    }
    CheckName(option.header().key(), "header.key", at);
    CheckValue(option.header().value(), "header.value", at);
    Add(option.header().key(), option.header().value(), option, mutation);
  }
  for (int i = 0; i < in.headers_to_remove_size(); ++i) {
    CheckName(in.headers_to_remove(i), "headersToRemove[" + std::to_string(i) + "]", report);
    mutation.add_mutations()->set_remove(in.headers_to_remove(i));
  }
  if (mutation.mutations().empty()) return;
  auto& extension = *out.add_early_header_mutation_extensions();
  extension.set_name(kExtension);
  envoy::PackAny(mutation, extension.mutable_typed_config());
}

}  // namespace k8sgw::plugins::hcm
