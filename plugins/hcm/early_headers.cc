#include "plugins/hcm/early_headers.h"

#include <google/protobuf/wrappers.pb.h>

#include <map>

#include "api/core/v1/ref.proto.h"
#include "api/envoy/kit/api/v2/core/base.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "envoy/config/common/mutation_rules/v3/mutation_rules.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/extension.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.proto.h"
#include "plugins/headers/headers.proto.h"
#include "src/envoy/header_check.h"

namespace k8sgw::plugins::hcm {
namespace {

namespace corev2 = ::solo::io::envoy::api::v2::core;
namespace corev3 = ::envoy::config::core::v3;
using ::envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation;

constexpr char kExtension[] = "http.early_header_mutation.header_mutation";

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
    report.Error("headerSecretRef", "Secret " + ref.ToString() + (secret ? " holds no headers" : " does not exist"),
                 "create a Secret of headers with this name");
    return;
  }
  const auto& headers = secret->spec.header().headers();
  const std::map<std::string, std::string> sorted(headers.begin(), headers.end());
  for (const auto& [name, value] : sorted) {
    envoy::CheckChangedHeader(name, "headerSecretRef", report);
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
    envoy::CheckChangedHeader(option.header().key(), "header.key", at);
    envoy::CheckHeaderFormat(option.header().value(), "header.value", at);
    Add(option.header().key(), option.header().value(), option, mutation);
  }
  for (int i = 0; i < in.headers_to_remove_size(); ++i) {
    envoy::CheckChangedHeader(in.headers_to_remove(i), "headersToRemove[" + std::to_string(i) + "]", report);
    mutation.add_mutations()->set_remove(in.headers_to_remove(i));
  }
  if (mutation.mutations().empty()) return;
  auto& extension = *out.add_early_header_mutation_extensions();
  extension.set_name(kExtension);
  envoy::PackAny(mutation, extension.mutable_typed_config());
}

}  // namespace k8sgw::plugins::hcm
