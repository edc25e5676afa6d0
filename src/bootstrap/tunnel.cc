#include "src/bootstrap/tunnel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/bootstrap/fields.h"

namespace k8sgw::bootstrap {
namespace {

// xDS may be silent for long, so silence ends nothing.
constexpr char kFrame[] = R"(
static_resources:
  listeners:
  - name: tunnel
    address: {pipe: {path: "", mode: 384}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tunnel
          cluster: ""
          idle_timeout: 0s
  clusters: []
)";

yaml::Node Text(const std::string& text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = text;
  return node;
}

// The names of clusters that stand anywhere below.
void CollectClusters(const yaml::Node& node, std::vector<std::string>& names) {
  for (const yaml::Node& item : node.items) CollectClusters(item, names);
  for (const yaml::Node::Entry& entry : node.entries) {
    const bool names_one = entry.key == "cluster_name" || entry.key == "clusterName";
    if (names_one && entry.value.is_scalar()) names.push_back(entry.value.scalar);
    CollectClusters(entry.value, names);
  }
}

void AddCluster(const yaml::Node& all, const yaml::Node& cluster, yaml::Node& out) {
  const std::string name(cluster.FindScalar("name"));
  const auto has_name = [&](const yaml::Node& one) { return one.FindScalar("name") == name; };
  if (std::ranges::any_of(out.items, has_name)) return;
  out.items.push_back(cluster);
  std::vector<std::string> named;
  for (const std::string_view field : {"transport_socket", "transport_socket_matches"}) {
    if (const yaml::Node* socket = Field(&cluster, {field})) CollectClusters(*socket, named);
  }
  for (const std::string& other : named) {
    for (const yaml::Node& one : all.items) {
      if (one.FindScalar("name") == other) AddCluster(all, one, out);
    }
  }
}

// What an HTTP client of this cluster would say by itself.
void AddProtocol(yaml::Node& cluster) {
  yaml::Node* common = MutableField(&cluster, {"transport_socket", "typed_config", "common_tls_context"});
  if (!common || !common->is_mapping() || Field(common, {"alpn_protocols"})) return;
  yaml::Node protocols;
  protocols.kind = yaml::Node::Kind::kSequence;
  protocols.items.push_back(Text("h2"));
  common->entries.push_back({"alpn_protocols", {}, std::move(protocols)});
}

// They are of HTTP, which is not spoken here, and may want files and tokens.
void DropHttp(yaml::Node& cluster) {
  std::erase_if(cluster.entries, [](const yaml::Node::Entry& entry) {
    return entry.key == "typed_extension_protocol_options" || entry.key == "typedExtensionProtocolOptions";
  });
}

}  // namespace

bool HasTransportSocket(const yaml::Node& cluster) {
  return Field(&cluster, {"transport_socket"}) || Field(&cluster, {"transport_socket_matches"});
}

yaml::Node MakeTunnel(const yaml::Node& tree, const yaml::Node& cluster, const std::string& socket) {
  yaml::Node tunnel = yaml::Parse(kFrame).documents[0];
  if (const yaml::Node* node = Field(&tree, {"node"})) tunnel.entries.push_back({"node", {}, *node});
  yaml::Node& listener = MutableField(&tunnel, {"static_resources", "listeners"})->items[0];
  *MutableField(&listener, {"address", "pipe", "path"}) = Text(socket);
  yaml::Node& filter = MutableField(&MutableField(&listener, {"filter_chains"})->items[0], {"filters"})->items[0];
  *MutableField(&filter, {"typed_config", "cluster"}) = Text(std::string(cluster.FindScalar("name")));
  yaml::Node& clusters = *MutableField(&tunnel, {"static_resources", "clusters"});
  AddCluster(*Field(&tree, {"static_resources", "clusters"}), cluster, clusters);
  if (const yaml::Node* secrets = Field(&tree, {"static_resources", "secrets"})) {
    MutableField(&tunnel, {"static_resources"})->entries.push_back({"secrets", {}, *secrets});
  }
  AddProtocol(clusters.items[0]);
  DropHttp(clusters.items[0]);
  return tunnel;
}

}  // namespace k8sgw::bootstrap
