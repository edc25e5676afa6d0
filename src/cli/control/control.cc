#include "src/cli/control/control.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "api/gloo/grpc/debug.grpc.pb.h"
#include "api/gloo/grpc/debug.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "src/base/printable.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/cluster/pods.h"
#include "src/cli/forward/pod_http.h"
#include "src/cli/forward/tunnel.h"
#include "src/json/tree.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;
namespace discovery = ::envoy::service::discovery::v3;

constexpr int kProxyDebugPort = 9966;
constexpr int kXdsPort = 9977;
// With mTLS, 9977 is the sidecar's, and this is the one behind it.
constexpr int kInnerXdsPort = 9999;
constexpr char kSidecar[] = "envoy-sidecar";
constexpr std::chrono::seconds kPatience(15);

// A channel over one tunnel: what is called on it goes through that connection, and no other is made.
struct Line {
  std::unique_ptr<Tunnel> tunnel;
  std::shared_ptr<grpc::Channel> channel;
};

absl::StatusOr<Line> Connect(Session& session, const PodPort& to) {
  absl::StatusOr<std::unique_ptr<Tunnel>> tunnel = Tunnel::Open(session.caller().credentials(), to, kPatience);
  if (!tunnel.ok()) return tunnel.status();
  const int socket = (*tunnel)->TakeSocket();
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return Line{*std::move(tunnel), grpc::CreateCustomInsecureChannelFromFd("gloo", socket, arguments)};
}

absl::Status Failed(const Line& line, const PodPort& to, const grpc::Status& status) {
  const std::string where = Cat("port ", to.port, " of pod ", to.ns, "/", to.pod, ": ");
  if (const std::string error = line.tunnel->error(); !error.empty()) return absl::UnavailableError(where + error);
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), where + status.error_message());
}

absl::StatusOr<Node> FindGloo(Session& session, const std::string& ns) {
  const absl::StatusOr<std::vector<Node>> pods = session.List({"", "v1", "pods", ns}, {.labels = kLabelsOfGloo});
  if (!pods.ok()) return pods.status();
  const Node* best = BestOf(*pods);
  if (!best) return absl::NotFoundError(Cat("no pod of gloo runs in namespace ", ns, ": `k8sgateway check` says why"));
  return *best;
}

bool HasSidecar(const Node& pod) {
  const std::vector<Node>& containers = ItemsAt(pod, {"spec", "containers"});
  return std::any_of(containers.begin(), containers.end(),
                     [](const Node& container) { return container.FindScalar("name") == kSidecar; });
}

// One stream, which is asked for one type after the other.
class Asking {
 public:
  Asking(const std::shared_ptr<grpc::Channel>& channel, std::string role)
      : stub_(discovery::AggregatedDiscoveryService::NewStub(channel)), role_(std::move(role)) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub_->StreamAggregatedResources(&context_);
  }

  // The resources of a type; those of these names, or all. nullopt when the stream ended.
  std::optional<Node> Ask(const std::string& type, const std::vector<std::string>& names) {
    discovery::DiscoveryRequest request;
    request.mutable_node()->set_id("k8sgateway-cli");
    (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role_);
    request.set_type_url("type.googleapis.com/" + type);
    for (const std::string& name : names) request.add_resource_names(name);
    if (!stream_->Write(request)) return std::nullopt;
    discovery::DiscoveryResponse response;
    do {
      if (!stream_->Read(&response)) return std::nullopt;
    } while (response.type_url() != request.type_url());
    // Without this word the control plane holds back what refers to these.
    request.set_version_info(response.version_info());
    request.set_response_nonce(response.nonce());
    if (!stream_->Write(request)) return std::nullopt;
    Node list = MakeList();
    for (const auto& resource : response.resources()) list.items.push_back(EncodeProto(resource));
    return list;
  }

  grpc::Status End() {
    context_.TryCancel();
    return stream_->Finish();
  }
  grpc::Status Finish() { return stream_->Finish(); }

 private:
  std::unique_ptr<discovery::AggregatedDiscoveryService::Stub> stub_;
  const std::string role_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<discovery::DiscoveryRequest, discovery::DiscoveryResponse>> stream_;
};

// Of clusters whose endpoints are served apart.
std::vector<std::string> EndpointNames(const Node& clusters) {
  std::vector<std::string> names;
  for (const Node& cluster : clusters.items) {
    if (!cluster.Find("edsClusterConfig")) continue;
    const std::string its = TextAt(cluster, {"edsClusterConfig", "serviceName"});
    names.push_back(its.empty() ? std::string(cluster.FindScalar("name")) : its);
  }
  return names;
}

absl::Status NothingFor(const std::string& role) {
  return absl::NotFoundError(Cat("the control plane has nothing for the role ", role,
                                 ": is --name the name of a proxy, and -n its namespace?"));
}

absl::StatusOr<Node> AskSnapshot(Session& session, const PodPort& pod, const std::string& role) {
  absl::StatusOr<std::string> text = AskPod(session.caller().credentials(), {pod.ns, pod.pod, kGlooAdminPort},
                                            {.method = "GET", .target = "/snapshots/xds"});
  if (!text.ok()) return text.status();
  const yaml::Padded padded(*std::move(text));
  const absl::StatusOr<Node> page = yaml::FromJson(padded.view());
  if (!page.ok()) return page.status();
  return SectionsOf(*page, role);
}

absl::Status WhyNot(const Line& line, const PodPort& to, const grpc::Status& status, const std::string& role) {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return NothingFor(role);
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED ||
      status.error_code() == grpc::StatusCode::PERMISSION_DENIED) {
    return absl::PermissionDeniedError(
        Cat("xDS is only for proxies that prove who they are; `k8sgateway proxy dump` asks the proxy instead (",
            status.error_message(), ")"));
  }
  return Failed(line, to, status);
}

}  // namespace

std::vector<std::string> CollectTexts(const Node& node, std::string_view key) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& text) {
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  };
  for (const Node::Entry& entry : node.entries) {
    if (entry.key == key && entry.value.is_scalar()) add(entry.value.scalar);
    for (const std::string& text : CollectTexts(entry.value, key)) add(text);
  }
  for (const Node& item : node.items) {
    for (const std::string& text : CollectTexts(item, key)) add(text);
  }
  return out;
}

absl::StatusOr<Node> SectionsOf(const Node& page, const std::string& role) {
  static constexpr std::pair<const char*, const char*> kSections[] = {
      {"Clusters", "clusters"}, {"Endpoints", "endpoints"}, {"Listeners", "listeners"}, {"Routes", "routes"}};
  const Node* sections = At(page, {"data", role});
  if (!sections) return NothingFor(role);
  Node out = MakeMap();
  for (const auto& [theirs, ours] : kSections) {
    const Node* items = At(*sections, {theirs, "Items"});
    if (!items || items->entries.empty()) continue;
    Node list = MakeList();
    for (const Node::Entry& entry : items->entries) list.items.push_back(entry.value);
    Put(out, ours, std::move(list));
  }
  return out;
}

void Redact(Node& node) {
  for (Node::Entry& entry : node.entries) {
    if (entry.key == "privateKey") {
      entry.value = MakeText("[redacted]");
    } else {
      Redact(entry.value);
    }
  }
  for (Node& item : node.items) Redact(item);
}

Node ProxyObject(Node message) {
  Node object = MakeMap();
  PutText(object, "apiVersion", "gloo.solo.io/v1");
  PutText(object, "kind", "Proxy");
  Node metadata = MakeMap();
  std::erase_if(message.entries, [&](Node::Entry& entry) {
    if (entry.key != "metadata") return false;
    metadata = std::move(entry.value);
    return true;
  });
  Node status = MakeMap();
  std::erase_if(message.entries, [&](Node::Entry& entry) {
    if (entry.key != "namespacedStatuses") return false;
    status = std::move(entry.value);
    return true;
  });
  Put(object, "metadata", std::move(metadata));
  Put(object, "spec", std::move(message));
  if (!status.entries.empty()) Put(object, "status", std::move(status));
  return object;
}

absl::StatusOr<std::vector<Node>> LiveProxies(Session& session, const std::string& ns) {
  const absl::StatusOr<Node> pod = FindGloo(session, ns);
  if (!pod.ok()) return pod.status();
  const PodPort to{ns, NameOf(*pod), kProxyDebugPort};
  const absl::StatusOr<Line> line = Connect(session, to);
  if (!line.ok()) return line.status();
  const auto stub = ::gloo::solo::io::ProxyEndpointService::NewStub(line->channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  ::gloo::solo::io::ProxyEndpointResponse response;
  const grpc::Status status = stub->GetProxies(&context, {}, &response);
  if (!status.ok()) return Failed(*line, to, status);
  std::vector<Node> out;
  for (const auto& proxy : response.proxies()) out.push_back(ProxyObject(EncodeProto(proxy)));
  return out;
}

absl::StatusOr<Node> ServedConfig(Session& session, const std::string& ns, const std::string& role) {
  const absl::StatusOr<Node> pod = FindGloo(session, ns);
  if (!pod.ok()) return pod.status();
  const PodPort to{ns, NameOf(*pod), HasSidecar(*pod) ? kInnerXdsPort : kXdsPort};
  const absl::StatusOr<Line> line = Connect(session, to);
  if (!line.ok()) return line.status();
  Asking asking(line->channel, role);
  Node out = MakeMap();
  const auto ask = [&](const char* section, const std::string& type, const std::vector<std::string>& names) {
    std::optional<Node> found = asking.Ask(type, names);
    if (found) Put(out, section, *std::move(found));
    return found.has_value();
  };
  const auto any = [&](const std::vector<std::string>& names, const char* section, const std::string& type) {
    return names.empty() || ask(section, type, names);
  };
  const bool all =
      ask("clusters", "envoy.config.cluster.v3.Cluster", {}) &&
      any(EndpointNames(*At(out, {"clusters"})), "endpoints", "envoy.config.endpoint.v3.ClusterLoadAssignment") &&
      ask("listeners", "envoy.config.listener.v3.Listener", {}) &&
      any(CollectTexts(*At(out, {"listeners"}), "routeConfigName"), "routes",
          "envoy.config.route.v3.RouteConfiguration");
  if (!all) {
    const absl::Status why = WhyNot(*line, to, asking.Finish(), role);
    if (why.code() != absl::StatusCode::kPermissionDenied) return why;
    absl::StatusOr<Node> snapshot = AskSnapshot(session, to, role);
    return snapshot.ok() || snapshot.status().code() == absl::StatusCode::kNotFound ? snapshot : why;
  }
  asking.End();
  Redact(out);
  return out;
}

int PrintServedConfig(Session& session, const std::string& ns, const std::string& name, std::ostream& out,
                      std::ostream& err) {
  const std::string role = Cat(ns, "~", name);
  const absl::StatusOr<Node> config = ServedConfig(session, ns, role);
  if (!config.ok()) {
    err << "proxy served-config: " << Printable(std::string(config.status().message())) << "\n";
    return 1;
  }
  out << "#role: " << role << "\n" << yaml::Emit(*config);
  return 0;
}

}  // namespace k8sgw::cli
