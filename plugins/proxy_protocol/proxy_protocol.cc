// The PROXY protocol, which carries the client's address through load balancers: read from what stands in front of the
// gateway, and written to upstreams.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/proxy_protocol.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto.h"
#include "plugins/proxy_protocol/proxy_protocol.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::proxy_protocol {
namespace {

namespace corev3 = ::envoy::config::core::v3;
namespace listenerv3 = ::envoy::extensions::filters::listener::proxy_protocol::v3;
namespace socketv3 = ::envoy::extensions::transport_sockets::proxy_protocol::v3;

constexpr char kFilter[] = "envoy.filters.listener.proxy_protocol";
constexpr char kSocket[] = "envoy.transport_sockets.upstream_proxy_protocol";
constexpr char kRawBuffer[] = "envoy.transport_sockets.raw_buffer";
constexpr uint32_t kMaxTlvType = 255;

listenerv3::ProxyProtocol Translate(const ::proxy_protocol::options::gloo::solo::io::ProxyProtocol& in,
                                    envoy::Reporter report) {
  listenerv3::ProxyProtocol out;
  for (int i = 0; i < in.rules_size(); ++i) {
    envoy::Reporter at = report.At("rules[" + std::to_string(i) + "]");
    const auto& rule = in.rules(i);
    auto& out_rule = *out.add_rules();
    if (rule.tlv_type() > kMaxTlvType) {
      at.Error("tlvType", "is " + std::to_string(rule.tlv_type()) + ", which is no type", "use 0 to 255");
    }
    out_rule.set_tlv_type(rule.tlv_type());
    if (!rule.has_on_tlv_present()) {
      at.Warning("", "the rule has no effect", "add onTlvPresent: {key: …}");
      continue;
    }
    if (rule.on_tlv_present().key().empty()) {
      at.Error("onTlvPresent.key", "is missing", "write the metadata key that gets the value");
    }
    out_rule.mutable_on_tlv_present()->set_metadata_namespace(rule.on_tlv_present().metadata_namespace());
    out_rule.mutable_on_tlv_present()->set_key(rule.on_tlv_present().key());
  }
  out.set_allow_requests_without_proxy_protocol(in.allow_requests_without_proxy_protocol());
  return out;
}

void Listener(const envoy::ListenerArgs& args) {
  if (!args.options.has_proxy_protocol()) return;
  auto& filters = *args.out.mutable_listener_filters();
  auto& filter = *filters.Add();
  filter.set_name(kFilter);
  envoy::PackAny(Translate(args.options.proxy_protocol(), args.report.At("proxyProtocol")),
                 filter.mutable_typed_config());
  // The header stands before all else on a connection: other filters, such as the TLS inspector, must not see it.
  for (int i = filters.size() - 1; i > 0; --i) filters.SwapElements(i, i - 1);
}

void Wrap(corev3::ProxyProtocolConfig::Version version, corev3::TransportSocket& socket) {
  socketv3::ProxyProtocolUpstreamTransport wrapper;
  wrapper.mutable_config()->set_version(version);
  if (socket.name().empty()) {
    socket.set_name(kRawBuffer);
    envoy::PackAny(::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer(), socket.mutable_typed_config());
  }
  wrapper.mutable_transport_socket()->Swap(&socket);
  socket.set_name(kSocket);
  envoy::PackAny(wrapper, socket.mutable_typed_config());
}

void FinishCluster(const envoy::ClusterArgs& args) {
  const std::string& text = args.upstream.proxy_protocol_version().value();
  if (text.empty()) return;
  corev3::ProxyProtocolConfig::Version version;
  if (!corev3::ProxyProtocolConfig::Version_Parse(text, &version)) {
    args.report.Error("proxyProtocolVersion", "\"" + text + "\" is no version of the PROXY protocol", "use V1 or V2");
    return;
  }
  Wrap(version, *args.out.mutable_transport_socket());
  for (auto& match : *args.out.mutable_transport_socket_matches()) Wrap(version, *match.mutable_transport_socket());
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.ListenerOptions.proxy_protocol",
    "gloo.solo.io.Upstream.proxy_protocol_version",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "proxy_protocol",
    .claims = kClaims,
    .listener = Listener,
    .finish_cluster = FinishCluster,
};

}  // namespace k8sgw::plugins::proxy_protocol
