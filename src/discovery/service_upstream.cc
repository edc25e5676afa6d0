#include "src/discovery/service_upstream.h"

#include <google/protobuf/wrappers.pb.h>
#include <openssl/evp.h>

#include <algorithm>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "api/options/kubernetes.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"

namespace k8sgw::discovery {
namespace {

constexpr char kH2Service[] = "gloo.solo.io/h2_service";
constexpr std::string_view kSslService = "gloo.solo.io/sslService.";
constexpr char kDeepMerge[] = "gloo.solo.io/upstream_config.deep_merge";

std::string_view Find(const Labels& annotations, std::string_view key) {
  const auto found = annotations.find(std::string(key));
  return found == annotations.end() ? std::string_view() : found->second;
}

bool SpeaksHttp2(const core::ServicePort& port) {
  for (std::string_view protocol : {"http2", "grpc", "grpc-web", "kubernetes.io/h2c"}) {
    if (port.app_protocol == protocol) return true;
  }
  return port.name.starts_with("grpc") || port.name.starts_with("h2") || port.name.starts_with("http2");
}

void SetHttp2(const Labels& own, const core::ServicePort& port, const Labels& global, gloov1::Upstream* out) {
  for (const Labels* annotations : {&own, &global}) {
    const std::string_view word = Find(*annotations, kH2Service);
    if (word == "true" || word == "false") return out->mutable_use_http2()->set_value(word == "true");
  }
  if (SpeaksHttp2(port)) out->mutable_use_http2()->set_value(true);
}

// The value of a TLS annotation for this port; "" when it is for another one.
std::string ForPort(std::string_view value, uint32_t port) {
  const size_t colon = value.find(':');
  const std::string_view number = value.substr(0, colon == value.npos ? 0 : colon);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (number.empty() || !std::ranges::all_of(number, is_digit)) return std::string(value);
  return number == std::to_string(port) ? std::string(value.substr(colon + 1)) : "";
}

void SetTls(const ServiceRef& ref, const Labels& annotations, uint32_t port, gloov1::Upstream* out) {
  const auto read = [&](std::string_view field) { return ForPort(Find(annotations, Cat(kSslService, field)), port); };
  const std::string secret = read("secret");
  const std::string certificate = read("tlsCert");
  const std::string key = read("tlsKey");
  const std::string authority = read("rootCa");
  if (!secret.empty()) {
    auto& to = *out->mutable_ssl_config()->mutable_secret_ref();
    to.set_name(secret);
    to.set_namespace_(ref.ns.str());
  } else if (!certificate.empty() || !key.empty() || !authority.empty()) {
    auto& files = *out->mutable_ssl_config()->mutable_ssl_files();
    files.set_tls_cert(certificate);
    files.set_tls_key(key);
    files.set_root_ca(authority);
  } else {
    return;
  }
  if (read("oneWayTls") == "true") out->mutable_ssl_config()->mutable_one_way_tls()->set_value(true);
}

// Each field that is set in `from` takes the place of that in `to`.
void ReplaceFields(const gloov1::Upstream& from, gloov1::Upstream* to) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  from.GetReflection()->ListFields(from, &fields);
  for (const auto* field : fields) to->GetReflection()->ClearField(to, field);
  to->MergeFrom(from);
}

void MergeConfig(const Labels& annotations, gloov1::Upstream* out, std::vector<std::string>& mistakes) {
  const std::string_view text = Find(annotations, kUpstreamConfig);
  if (text.empty()) return;
  const yaml::Stream stream = yaml::Parse(text);
  if (!stream.ok || stream.documents.size() != 1) {
    mistakes.push_back(Cat(kUpstreamConfig, ": ", stream.ok ? "is no object" : stream.error.message));
    return;
  }
  gloov1::Upstream config;
  for (const DecodeProblem& problem : DecodeProto(stream.documents[0], &config)) {
    mistakes.push_back(Cat(kUpstreamConfig, ": ", problem.path, ": ", problem.message));
  }
  config.clear_metadata();
  config.clear_discovery_metadata();
  config.clear_namespaced_statuses();
  if (config.upstream_type_case() != gloov1::Upstream::UPSTREAM_TYPE_NOT_SET && !config.has_kube()) {
    mistakes.push_back(Cat(kUpstreamConfig, ": an annotation cannot lead away from its Service"));
    config.clear_upstream_type();
  }
  if (Find(annotations, kDeepMerge) == "true") {
    out->MergeFrom(config);
  } else {
    ReplaceFields(config, out);
  }
}

}  // namespace

std::vector<std::string> DescribePort(const ServiceRef& ref, const Object<core::Service>& service,
                                      const core::ServicePort& port, const Labels& global_annotations,
                                      gloov1::Upstream* out) {
  std::vector<std::string> mistakes;
  auto& selector = *out->mutable_kube()->mutable_selector();
  selector.insert(service.spec.selector.begin(), service.spec.selector.end());
  out->mutable_discovery_metadata()->mutable_labels()->insert(service.labels.begin(), service.labels.end());
  SetHttp2(service.annotations, port, global_annotations, out);
  SetTls(ref, service.annotations, port.port, out);
  MergeConfig(global_annotations, out, mistakes);
  MergeConfig(service.annotations, out, mistakes);
  auto& kube = *out->mutable_kube();
  kube.set_service_name(ref.name.str());
  kube.set_service_namespace(ref.ns.str());
  kube.set_service_port(port.port);
  return mistakes;
}

std::string UpstreamName(const ServiceRef& ref, uint32_t port) {
  constexpr size_t kLongest = 63;
  constexpr size_t kKept = 31;
  std::string name;
  for (char c : Cat(ref.ns.str(), "-", ref.name.str(), "-", port)) {
    if (std::string_view("[]\n\"'").find(c) != std::string_view::npos) continue;
    name += std::string_view("*/.:_ ").find(c) != std::string_view::npos ? '-' : c;
  }
  if (name.size() > kLongest) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(name.data(), name.size(), sum, &size, EVP_md5(), nullptr);
    name = name.substr(0, kKept) + "-";
    for (unsigned int i = 0; i < size; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      name += kDigits[sum[i] >> 4];
      name += kDigits[sum[i] & 15];
    }
    name.resize(kLongest);
  }
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

}  // namespace k8sgw::discovery
