// translate, validate, explain: a folder in, words out. Nothing is served.

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/base/proto_codec.h"
#include "src/cmd/commands.h"
#include "src/cmd/find_envoy.h"
#include "src/cmd/folder.h"
#include "src/envoy/resource.h"
#include "src/explain/explain.h"
#include "src/validation/refusals.h"

namespace k8sgw {
namespace {

using yaml::Node;

Node Mapping() {
  Node node;
  node.kind = Node::Kind::kMapping;
  return node;
}

Node Text(std::string text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = std::move(text);
  return node;
}

Node ShowResource(const xds::Resource& resource) {
  if (resource.type != xds::Type::kSecret) return EncodeProto(*envoy::ParseAny(resource));
  // Keys are for Envoys, not for screens.
  auto secret = envoy::Parse<::envoy::extensions::transport_sockets::tls::v3::Secret>(resource);
  if (secret.has_tls_certificate()) {
    secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string("[redacted]");
  }
  return EncodeProto(secret);
}

constexpr std::array<std::pair<xds::Type, const char*>, 4> kSections = {{{xds::Type::kListener, "listeners"},
                                                                         {xds::Type::kRoute, "routes"},
                                                                         {xds::Type::kCluster, "clusters"},
                                                                         {xds::Type::kSecret, "secrets"}}};

Node ShowEnvoy(const Pipeline& pipeline) {
  Node out = Mapping();
  for (const std::string& role : pipeline.roles()) {
    Node proxy = Mapping();
    const Snapshot snapshot = pipeline.ResourcesOf(role);
    for (const auto& [type, name] : kSections) {
      Node list;
      list.kind = Node::Kind::kSequence;
      const auto resources = snapshot.find(type);
      if (resources == snapshot.end() || resources->second.empty()) continue;
      for (const auto& [key, resource] : resources->second) list.items.push_back(ShowResource(*resource));
      proxy.entries.push_back({name, {}, std::move(list)});
    }
    out.entries.push_back({role, {}, std::move(proxy)});
  }
  return out;
}

Node ShowProxies(const Pipeline& pipeline) {
  Node out;
  out.kind = Node::Kind::kSequence;
  for (const auto& proxy : pipeline.AssembleProxies()) {
    Node object = Mapping();
    Node spec = EncodeProto(proxy);
    object.entries.push_back({"apiVersion", {}, Text("gloo.solo.io/v1")});
    object.entries.push_back({"kind", {}, Text("Proxy")});
    Node metadata;
    std::erase_if(spec.entries, [&](Node::Entry& entry) {
      if (entry.key != "metadata") return false;
      metadata = std::move(entry.value);
      return true;
    });
    object.entries.push_back({"metadata", {}, std::move(metadata)});
    object.entries.push_back({"spec", {}, std::move(spec)});
    out.items.push_back(std::move(object));
  }
  return out;
}

Node ShowReports(const Folder& folder) {
  Node out;
  out.kind = Node::Kind::kSequence;
  for (const PlacedLine& line : folder.Problems()) {
    Node item = Mapping();
    const auto add = [&](const char* key, std::string text) {
      if (!text.empty()) item.entries.push_back({key, {}, Text(std::move(text))});
    };
    add("severity", line.problem.severity == Severity::kError ? "error" : "warning");
    add("kind", std::string(KindName(line.problem.object.kind)));
    add("namespace", line.problem.object.ns);
    add("name", line.problem.object.name);
    add("place", line.place);
    add("path", line.problem.path);
    add("message", line.problem.message);
    add("fix", line.problem.fix);
    out.items.push_back(std::move(item));
  }
  return out;
}

// Says so when a folder cannot be read: an empty result would look like a clean one.
bool CanRead(const char* command, const std::string& directory) {
  if (access(directory.c_str(), R_OK | X_OK) == 0) return true;
  std::cerr << command << ": the folder " << directory << " cannot be read: " << std::strerror(errno) << "\n";
  return false;
}

Pipeline::Options Translation(const PolicyOptions& policy) {
  Pipeline::Options options;
  options.header_secrets_match_upstreams = policy.header_secrets_match_upstreams;
  // Nothing is pulled here.
  options.assume_wasm_modules = true;
  return options;
}

}  // namespace

int Translate(const TranslateOptions& options) {
  if (!CanRead("translate", options.directory)) return 2;
  // Secrets apart, as `run` delivers them: there their keys can be left out of what is shown.
  Pipeline::Options pipeline = Translation(options.policy);
  pipeline.secret_delivery = envoy::SecretDelivery::kSds;
  Folder folder(options.directory, pipeline);
  Node out;
  if (options.what == "proxy") {
    out = ShowProxies(folder.pipeline());
  } else if (options.what == "reports") {
    out = ShowReports(folder);
  } else {
    out = ShowEnvoy(folder.pipeline());
  }
  std::cout << (options.output == "json" ? yaml::EmitJson(out) : yaml::Emit(out));
  if (options.what == "reports") return 0;
  // The result is on stdout; what is wrong with the input must not be overlooked.
  for (const PlacedLine& line : folder.Problems()) std::cerr << line.ToString() << "\n";
  return 0;
}

int Validate(const ValidateOptions& options) {
  if (!CanRead("validate", options.directory)) return 2;
  const std::string envoy = FindEnvoy(options.envoy);
  if (options.ask_envoy && access(envoy.c_str(), X_OK) != 0) {
    std::cerr << "validate: there is no Envoy at " << envoy << ": name it with --envoy-path or K8SGATEWAY_ENVOY\n";
    return 2;
  }
  Folder folder(options.directory, Translation(options.policy));
  if (options.ask_envoy) {
    folder.pipeline().problem_table().Set("envoy", "", validation::AskAboutObjects(folder.pipeline(), envoy));
  }
  size_t errors = 0;
  size_t warnings = 0;
  for (const PlacedLine& line : folder.Problems()) {
    std::cout << line.ToString() << "\n";
    ++(line.problem.severity == Severity::kError ? errors : warnings);
  }
  std::cerr << fmt::format("{} errors, {} warnings in {} files\n", errors, warnings, folder.file_count());
  return errors > 0 ? 1 : 0;
}

int ExplainRequest(const ExplainOptions& options) {
  const auto request = explain::ParseRequest(options.request, options.headers);
  if (!request.ok()) {
    std::cerr << "explain: " << std::string(request.status().message()) << "\n";
    return 2;
  }
  if (!CanRead("explain", options.directory)) return 2;
  Folder folder(options.directory, Translation(options.policy));
  std::cout << explain::Explain(folder.pipeline(), *request,
                                [&](const proxy::Source& source) { return folder.Place(source.object, source.path); });
  return 0;
}

}  // namespace k8sgw
