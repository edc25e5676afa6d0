// JSON for services that speak gRPC: Envoy makes calls of requests, and JSON of the answers, by the services'
// descriptors. Those in a ConfigMap are part of the listener, so that it changes with them.

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.proto.h"
#include "plugins/grpc_json/descriptors.h"
#include "plugins/grpc_json/grpc_json.proto.h"
#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::grpc_json {
namespace {

namespace transcoderv3 = ::envoy::extensions::filters::http::grpc_json_transcoder::v3;
using In = ::grpc_json::options::gloo::solo::io::GrpcJsonTranscoder;
using Out = transcoderv3::GrpcJsonTranscoder;

constexpr char kFilter[] = "envoy.filters.http.grpc_json_transcoder";
constexpr char kConfigMap[] = "protoDescriptorConfigMap";
constexpr size_t kShownKeys = 5;

// The value of the key that is meant; nullptr when there is none.
const std::string* FindValue(const gloov1::Artifact& artifact, const In::DescriptorConfigMap& in,
                             const std::string& origin, envoy::Reporter& report) {
  const auto& data = artifact.data();
  if (in.key().empty() && data.size() == 1) return &data.begin()->second;
  const auto found = data.find(in.key());
  if (!in.key().empty() && found != data.end()) return &found->second;
  std::set<std::string> keys;
  for (const auto& [key, value] : data) keys.insert(key);
  if (keys.empty()) {
    report.Error(kConfigMap, origin + "is empty", "put the base64 of the descriptors under a key of its data");
    return nullptr;
  }
  const size_t more = keys.size() - std::min(keys.size(), kShownKeys);
  while (keys.size() > kShownKeys) keys.erase(std::prev(keys.end()));
  const std::string names = Cat(absl::StrJoin(keys, ", "), more > 0 ? Cat(" and ", more, " more") : "");
  if (in.key().empty()) {
    report.Error(Cat(kConfigMap, ".key"), origin + "has more than one key, so one must be named",
                 "write one of " + names);
  } else {
    report.Error(Cat(kConfigMap, ".key"), Cat(origin, "has no key \"", in.key(), "\""), "write one of " + names);
  }
  return nullptr;
}

// False when there is no value that could be descriptors.
bool FromConfigMap(const envoy::Context& context, const In::DescriptorConfigMap& in, std::string& origin,
                   envoy::Reporter& report, std::string& out) {
  const ArtifactRef ref{in.config_map_ref().namespace_(), in.config_map_ref().name()};
  const auto artifact = context.FindArtifact(ref);
  if (!artifact) {
    report.Error(Cat(kConfigMap, ".configMapRef"), "there is no ConfigMap " + ref.ToString(),
                 ref.ns.empty() ? "add its namespace" : "create it, or correct name and namespace");
    return false;
  }
  origin = Cat("ConfigMap ", ref.ToString(), ": ");
  const std::string* value = FindValue(artifact->spec, in, origin, report);
  if (!value) return false;
  if (DecodeBase64(*value, &out)) return true;
  report.Error(kConfigMap, origin + "the value is no base64",
               "encode the descriptors with base64 -w0, or put the file under binaryData");
  return false;
}

// Envoy reads it when it gets the listener, and refuses the listener when it cannot.
void CheckFile(const std::string& path, envoy::Reporter& report) {
  if (path.empty()) {
    report.Error("protoDescriptor", "is empty", "write the path of a file on the proxy");
  }
  for (const char* forbidden : {"/dev/", "/proc/", "/sys/"}) {
    if (!absl::StartsWith(path, forbidden)) continue;
    report.Error("protoDescriptor", Cat("Envoy reads no file below ", forbidden), "write the path of a regular file");
  }
}

void SetDescriptors(const envoy::Context& context, const In& in, envoy::Reporter& report, Out& out) {
  std::string origin;
  switch (in.descriptor_set_case()) {
    case In::kProtoDescriptor:
      CheckFile(in.proto_descriptor(), report);
      out.set_proto_descriptor(in.proto_descriptor());
      return;
    case In::kProtoDescriptorBin:
      out.set_proto_descriptor_bin(in.proto_descriptor_bin());
      if (!context.accepted()) CheckDescriptors(in.proto_descriptor_bin(), in, "protoDescriptorBin", origin, report);
      return;
    case In::kProtoDescriptorConfigMap:
      if (!FromConfigMap(context, in.proto_descriptor_config_map(), origin, report,
                         *out.mutable_proto_descriptor_bin()))
        return;
      if (!context.accepted()) CheckDescriptors(out.proto_descriptor_bin(), in, kConfigMap, origin, report);
      return;
    case In::DESCRIPTOR_SET_NOT_SET:
      report.Error("", "has no descriptors", "set protoDescriptorConfigMap, protoDescriptorBin or protoDescriptor");
  }
}

void SetPrintOptions(const In::PrintOptions& in, Out::PrintOptions& out) {
  out.set_add_whitespace(in.add_whitespace());
  out.set_always_print_primitive_fields(in.always_print_primitive_fields());
  out.set_always_print_enums_as_ints(in.always_print_enums_as_ints());
  out.set_preserve_proto_field_names(in.preserve_proto_field_names());
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!args.options.has_grpc_json_transcoder()) return;
  const In& in = args.options.grpc_json_transcoder();
  envoy::Reporter report = args.report.At("grpcJsonTranscoder");
  Out out;
  SetDescriptors(args.context, in, report, out);
  if (in.services().empty()) {
    report.Error("services", "is empty, so nothing would be transcoded",
                 "name the services, such as bookstore.Bookstore");
  }
  *out.mutable_services() = in.services();
  if (in.has_print_options()) SetPrintOptions(in.print_options(), *out.mutable_print_options());
  out.set_match_incoming_request_route(in.match_incoming_request_route());
  *out.mutable_ignored_query_parameters() = in.ignored_query_parameters();
  out.set_auto_mapping(in.auto_mapping());
  out.set_ignore_unknown_query_parameters(in.ignore_unknown_query_parameters());
  out.set_convert_grpc_status(in.convert_grpc_status());
  args.AddFilter({envoy::Stage::kOutAuth, -1}, kFilter, out);
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.grpc_json_transcoder"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "grpc_json",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::grpc_json
