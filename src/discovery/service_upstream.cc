#include "src/discovery/service_upstream.h"

#include <google/protobuf/wrappers.pb.h>
#include <openssl/evp.h>

#include <algorithm>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "api/options/kubernetes.proto.h"
#include "src/base/text.h"
#include "src/discovery/upstream_config.h"

namespace k8sgw::discovery {
namespace {

constexpr char kH2Service[] = "gloo.solo.io/h2_service";
constexpr std::string_view kSslService = "gloo.solo.io/sslService.";
constexpr char kOfKubectl[] = "kubectl.kubernetes.io/last-applied-configuration";

bool IsTruth(std::string_view word) { return word == "true" || word == "false"; }

bool SpeaksHttp2(const core::ServicePort& port) {
  for (std::string_view protocol : {"http2", "grpc", "grpc-web", "kubernetes.io/h2c"}) {
    if (port.app_protocol == protocol) return true;
  }
  return port.name.starts_with("grpc") || port.name.starts_with("h2") || port.name.starts_with("http2");
}

void SetHttp2(const Labels& own, const core::ServicePort& port, const Labels& global, gloov1::Upstream* out) {
  for (const Labels* annotations : {&own, &global}) {
    const std::string_view word = FindAnnotation(*annotations, kH2Service);
    if (IsTruth(word)) return out->mutable_use_http2()->set_value(word == "true");
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
  const auto read = [&](std::string_view field) {
    return ForPort(FindAnnotation(annotations, Cat(kSslService, field)), port);
  };
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

// What the annotations of a Service say for all of its ports.
struct Configs {
  UpstreamConfig global;
  UpstreamConfig own;
};

void Describe(const ServiceRef& ref, const Object<core::Service>& service, const core::ServicePort& port,
              const Labels& global_annotations, const Configs& configs, gloov1::Upstream* out) {
  auto& selector = *out->mutable_kube()->mutable_selector();
  selector.insert(service.spec.selector.begin(), service.spec.selector.end());
  SetHttp2(service.annotations, port, global_annotations, out);
  SetTls(ref, service.annotations, port.port, out);
  MergeInto(configs.global, out);
  MergeInto(configs.own, out);
  auto& kube = *out->mutable_kube();
  kube.set_service_name(ref.name.str());
  kube.set_service_namespace(ref.ns.str());
  kube.set_service_port(port.port);
}

std::vector<std::string> MistakesOf(const Labels& annotations, const Configs& configs) {
  std::vector<std::string> mistakes;
  const std::string_view word = FindAnnotation(annotations, kH2Service);
  if (!word.empty() && !IsTruth(word)) mistakes.push_back(Cat(kH2Service, ": is neither \"true\" nor \"false\""));
  for (const UpstreamConfig* config : {&configs.global, &configs.own}) {
    mistakes.insert(mistakes.end(), config->mistakes.begin(), config->mistakes.end());
  }
  return mistakes;
}

// As many of the entries, in their order, as fit into `bytes`.
Labels Fitting(const Labels& entries, size_t bytes, std::string_view what, std::vector<std::string>& mistakes) {
  Labels out;
  size_t left_out = 0;
  for (const auto& [name, value] : entries) {
    const size_t size = name.size() + value.size();
    if (size > bytes) {
      ++left_out;
      continue;
    }
    bytes -= size;
    out.emplace(name, value);
  }
  if (left_out > 0) mistakes.push_back(Cat(left_out, " ", what, " are too long for a Service with so many ports"));
  return out;
}

}  // namespace

std::vector<std::string> DescribePort(const ServiceRef& ref, const Object<core::Service>& service,
                                      const core::ServicePort& port, const Labels& global_annotations,
                                      gloov1::Upstream* out) {
  const Configs configs{ReadUpstreamConfig(global_annotations, kMaxExtras),
                        ReadUpstreamConfig(service.annotations, kMaxExtras)};
  Describe(ref, service, port, global_annotations, configs, out);
  return MistakesOf(service.annotations, configs);
}

DescribedService DescribeService(const ServiceRef& ref, const Object<core::Service>& service,
                                 const Labels& global_annotations) {
  DescribedService out;
  const size_t share = kMaxExtras / std::max<size_t>(service.spec.ports.size(), 1);
  const Configs configs{ReadUpstreamConfig(global_annotations, kMaxExtras),
                        ReadUpstreamConfig(service.annotations, share)};
  out.mistakes = MistakesOf(service.annotations, configs);
  Labels annotations = service.annotations;
  annotations.erase(kOfKubectl);
  out.annotations = Fitting(annotations, share, "annotations", out.mistakes);
  const Labels labels = Fitting(service.labels, share, "labels", out.mistakes);
  for (const core::ServicePort& port : service.spec.ports) {
    if (port.port == 0) continue;
    // The same number for TCP and UDP is one Upstream, of TCP.
    auto& place = out.ports[port.port];
    if (place && port.protocol != "TCP") continue;
    auto upstream = std::make_shared<gloov1::Upstream>();
    upstream->mutable_discovery_metadata()->mutable_labels()->insert(labels.begin(), labels.end());
    Describe(ref, service, port, global_annotations, configs, upstream.get());
    place = std::move(upstream);
  }
  return out;
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
