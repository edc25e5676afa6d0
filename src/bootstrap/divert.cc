#include "src/bootstrap/divert.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "src/base/address.h"
#include "src/base/text.h"
#include "src/bootstrap/fields.h"
#include "src/bootstrap/tunnel.h"

namespace k8sgw::bootstrap {
namespace {

// What is said of an address, which is another now.
constexpr std::string_view kOfTheAddress[] = {"type",
                                              "cluster_type",
                                              "load_assignment",
                                              "upstream_connection_options",
                                              "dns_lookup_family",
                                              "dns_refresh_rate",
                                              "dns_failure_refresh_rate",
                                              "dns_jitter",
                                              "respect_dns_ttl",
                                              "typed_dns_resolver_config",
                                              "dns_resolution_config",
                                              "upstream_bind_config",
                                              "transport_socket",
                                              "transport_socket_matches"};

absl::Status Error(const yaml::Node& where, const std::string& what) {
  return absl::InvalidArgumentError(Cat("line ", where.mark.line, ": ", what));
}

yaml::Node* FindCluster(yaml::Node& tree, const std::string& name) {
  yaml::Node* clusters = MutableField(&tree, {"static_resources", "clusters"});
  if (!clusters) return nullptr;
  for (yaml::Node& cluster : clusters->items) {
    if (cluster.FindScalar("name") == name) return &cluster;
  }
  return nullptr;
}

// The first of these fields that stands anywhere below, and is not false.
const yaml::Node::Entry* FindSetting(const yaml::Node& node, const std::vector<std::string_view>& fields) {
  for (const yaml::Node& item : node.items) {
    if (const auto* found = FindSetting(item, fields)) return found;
  }
  for (const yaml::Node::Entry& entry : node.entries) {
    const bool is_one = std::ranges::any_of(
        fields, [&](std::string_view field) { return entry.key == field || entry.key == CamelCase(field); });
    if (is_one && !(entry.value.is_scalar() && entry.value.scalar == "false")) return &entry;
    if (const auto* found = FindSetting(entry.value, fields)) return found;
  }
  return nullptr;
}

// TLS is spoken by another Envoy, which knows nothing of HTTP: what HTTP would say to TLS must stand in the TLS.
absl::Status CheckTls(const yaml::Node& cluster) {
  const yaml::Node* options = Field(&cluster, {"typed_extension_protocol_options"});
  if (!options) return absl::OkStatus();
  if (const auto* entry = FindSetting(*options, {"auto_sni", "auto_san_validation", "override_auto_sni_header"})) {
    return Error(cluster,
                 Cat("with a state folder, ", entry->key, " of the cluster ", cluster.FindScalar("name"),
                     " would have no effect: write sni and match_typed_subject_alt_names into its transport_socket"));
  }
  if (const auto* entry = FindSetting(*options, {"auto_config"})) {
    return Error(cluster, Cat("with a state folder, ", entry->key, " of the cluster ", cluster.FindScalar("name"),
                              " has no TLS to ask: write explicit_http_config: {http2_protocol_options: {}}"));
  }
  return absl::OkStatus();
}

// Its one address.
const yaml::Node* FindAddress(const yaml::Node& cluster) {
  const yaml::Node* localities = Field(&cluster, {"load_assignment", "endpoints"});
  if (!localities || localities->items.size() != 1) return nullptr;
  const yaml::Node* endpoints = Field(&localities->items[0], {"lb_endpoints"});
  if (!endpoints || endpoints->items.size() != 1) return nullptr;
  return Field(&endpoints->items[0], {"endpoint", "address", "socket_address"});
}

absl::StatusOr<std::string> FindTarget(const yaml::Node& cluster) {
  const yaml::Node* address = FindAddress(cluster);
  const std::string host = FieldText(address, {"address"});
  const std::string port = FieldText(address, {"port_value"});
  if (host.empty() || port.empty()) {
    return Error(cluster, Cat("the cluster ", cluster.FindScalar("name"), " must have one address and port"));
  }
  return host.find(':') == std::string::npos ? Cat(host, ":", port) : Cat("[", host, "]:", port);
}

}  // namespace

absl::StatusOr<ControlPlanePlace> DivertXds(yaml::Node& tree, const std::string& socket,
                                            const std::string& tunnel_socket) {
  const yaml::Node* services = Field(&tree, {"dynamic_resources", "ads_config", "grpc_services"});
  const std::string name = services && services->items.size() == 1
                               ? FieldText(&services->items[0], {"envoy_grpc", "cluster_name"})
                               : std::string();
  if (name.empty()) return Error(tree, "dynamic_resources.ads_config names no cluster: write envoy_grpc.cluster_name");
  yaml::Node* cluster = FindCluster(tree, name);
  if (!cluster) return Error(tree, Cat("there is no static cluster ", name, ", which ads_config names"));
  ControlPlanePlace place;
  place.cluster = name;
  if (HasTransportSocket(*cluster)) {
    if (absl::Status tls = CheckTls(*cluster); !tls.ok()) return tls;
    place.tunnel = MakeTunnel(tree, *cluster, tunnel_socket);
  } else {
    absl::StatusOr<std::string> target = FindTarget(*cluster);
    if (!target.ok()) return target.status();
    place.target = *std::move(target);
  }
  std::erase_if(cluster->entries, [](const yaml::Node::Entry& entry) {
    return std::ranges::any_of(
        kOfTheAddress, [&](std::string_view field) { return entry.key == field || entry.key == CamelCase(field); });
  });
  yaml::Node leads;
  leads.kind = yaml::Node::Kind::kScalar;
  leads.quoted = true;
  const yaml::Stream written = yaml::Parse(
      Cat("type: STATIC\nload_assignment: {cluster_name: \"\", endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: "
          "{path: \"\"}}}}]}]}\n"));
  for (const yaml::Node::Entry& entry : written.documents[0].entries) cluster->entries.push_back(entry);
  leads.scalar = name;
  *MutableField(cluster, {"load_assignment", "cluster_name"}) = leads;
  leads.scalar = socket;
  yaml::Node& locality = MutableField(cluster, {"load_assignment", "endpoints"})->items[0];
  *MutableField(&MutableField(&locality, {"lb_endpoints"})->items[0], {"endpoint", "address", "pipe", "path"}) = leads;
  return place;
}

}  // namespace k8sgw::bootstrap
