// httpConnectionManagerSettings: how Envoy treats the connections and requests of HTTP clients. The HTTP versions are
// in protocols.cc.

#include <arpa/inet.h>
#include <google/protobuf/wrappers.pb.h>

#include <set>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.proto.h"
#include "plugins/hcm/early_headers.h"
#include "plugins/hcm/hcm.proto.h"
#include "plugins/hcm/protocols.h"
#include "plugins/upgrades/upgrades.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::hcm {
namespace {

namespace upgradev1 = ::protocol_upgrade::options::gloo::solo::io;
using envoy::hcmv3::HttpConnectionManager;
using Settings = ::hcm::options::gloo::solo::io::HttpConnectionManagerSettings;

constexpr char kWebsocket[] = "websocket";
constexpr char kConnect[] = "CONNECT";
constexpr uint32_t kMaxRequestHeadersKb = 8192;

void TranslateTimeouts(const Settings& in, envoy::Reporter& report, HttpConnectionManager& out) {
  if (in.has_stream_idle_timeout() && envoy::CheckDuration(in.stream_idle_timeout(), 0, "streamIdleTimeout", report)) {
    *out.mutable_stream_idle_timeout() = in.stream_idle_timeout();
  }
  if (in.has_request_timeout() && envoy::CheckDuration(in.request_timeout(), 0, "requestTimeout", report)) {
    *out.mutable_request_timeout() = in.request_timeout();
  }
  if (in.has_request_headers_timeout() &&
      envoy::CheckDuration(in.request_headers_timeout(), 0, "requestHeadersTimeout", report)) {
    *out.mutable_request_headers_timeout() = in.request_headers_timeout();
  }
  if (in.has_drain_timeout() && envoy::CheckDuration(in.drain_timeout(), 0, "drainTimeout", report)) {
    *out.mutable_drain_timeout() = in.drain_timeout();
  }
  if (in.has_delayed_close_timeout() &&
      envoy::CheckDuration(in.delayed_close_timeout(), 0, "delayedCloseTimeout", report)) {
    *out.mutable_delayed_close_timeout() = in.delayed_close_timeout();
  }
}

// Header values end at control characters.
std::string CheckedHeader(const std::string& value, std::string_view field, envoy::Reporter& report) {
  if (value.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
    report.Error(field, "holds a line break or a null character", "remove it");
  }
  return value;
}

void TranslateHeaders(const Settings& in, envoy::Reporter& report, HttpConnectionManager& out) {
  out.set_skip_xff_append(in.skip_xff_append().value());
  out.set_via(CheckedHeader(in.via().value(), "via", report));
  out.set_xff_num_trusted_hops(in.xff_num_trusted_hops().value());
  if (in.has_use_remote_address()) *out.mutable_use_remote_address() = in.use_remote_address();
  out.set_append_x_forwarded_port(in.append_x_forwarded_port().value());
  out.set_proxy_100_continue(in.proxy_100_continue().value());
  out.set_server_name(CheckedHeader(in.server_name().value(), "serverName", report));
  out.set_server_header_transformation(
      static_cast<HttpConnectionManager::ServerHeaderTransformation>(in.server_header_transformation()));
  if (in.strip_any_host_port().value()) out.set_strip_any_host_port(true);
  if (!in.has_max_request_headers_kb()) return;
  const uint32_t kb = in.max_request_headers_kb().value();
  if (kb == 0 || kb > kMaxRequestHeadersKb) {
    report.Error("maxRequestHeadersKb", "is " + std::to_string(kb), "use 1 to " + std::to_string(kMaxRequestHeadersKb));
  }
  *out.mutable_max_request_headers_kb() = in.max_request_headers_kb();
}

void TranslatePaths(const Settings& in, HttpConnectionManager& out) {
  // Without the setting the default stands.
  if (in.has_normalize_path()) *out.mutable_normalize_path() = in.normalize_path();
  out.set_merge_slashes(in.merge_slashes().value());
  out.set_path_with_escaped_slashes_action(
      static_cast<HttpConnectionManager::PathWithEscapedSlashesAction>(in.path_with_escaped_slashes_action()));
}

void TranslateRequestId(const Settings& in, HttpConnectionManager& out) {
  if (in.has_generate_request_id()) *out.mutable_generate_request_id() = in.generate_request_id();
  out.set_preserve_external_request_id(in.preserve_external_request_id().value());
  if (!in.has_uuid_request_id_config()) return;
  const auto& uuid = in.uuid_request_id_config();
  ::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig config;
  if (uuid.has_pack_trace_reason()) *config.mutable_pack_trace_reason() = uuid.pack_trace_reason();
  if (uuid.has_use_request_id_for_trace_sampling()) {
    *config.mutable_use_request_id_for_trace_sampling() = uuid.use_request_id_for_trace_sampling();
  }
  envoy::PackAny(config, out.mutable_request_id_extension()->mutable_typed_config());
}

// The most bits that a prefix of this address may have; 0 when it is no address.
uint32_t AddressBits(const std::string& address) {
  unsigned char bytes[sizeof(in6_addr)];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return 32;
  return inet_pton(AF_INET6, address.c_str(), bytes) == 1 ? 128 : 0;
}

void TranslateInternalAddresses(const Settings::InternalAddressConfig& in, envoy::Reporter report,
                                HttpConnectionManager::InternalAddressConfig& out) {
  out.set_unix_sockets(in.unix_sockets().value());
  for (int i = 0; i < in.cidr_ranges_size(); ++i) {
    const Settings::CidrRange& range = in.cidr_ranges(i);
    envoy::Reporter at = report.At("cidrRanges[" + std::to_string(i) + "]");
    const uint32_t bits = AddressBits(range.address_prefix());
    if (bits == 0) {
      at.Error("addressPrefix", "\"" + range.address_prefix() + "\" is no IP address",
               "write an address such as 10.0.0.0 or fd00::");
    } else if (range.prefix_len().value() > bits) {
      at.Error("prefixLen", "is " + std::to_string(range.prefix_len().value()), "use 0 to " + std::to_string(bits));
    }
    auto& out_range = *out.add_cidr_ranges();
    out_range.set_address_prefix(range.address_prefix());
    if (range.has_prefix_len()) *out_range.mutable_prefix_len() = range.prefix_len();
  }
}

void TranslateClientCertificates(const Settings& in, envoy::Reporter& report, HttpConnectionManager& out) {
  const auto action = in.forward_client_cert_details();
  // The published enum has the numbers of Envoy's.
  out.set_forward_client_cert_details(static_cast<HttpConnectionManager::ForwardClientCertDetails>(action));
  if (!in.has_set_current_client_cert_details()) return;
  if (action != Settings::APPEND_FORWARD && action != Settings::SANITIZE_SET) {
    report.Warning("setCurrentClientCertDetails", "has no effect with this forwardClientCertDetails",
                   "use APPEND_FORWARD or SANITIZE_SET");
    return;
  }
  const auto& details = in.set_current_client_cert_details();
  auto& out_details = *out.mutable_set_current_client_cert_details();
  if (details.has_subject()) *out_details.mutable_subject() = details.subject();
  out_details.set_cert(details.cert().value());
  out_details.set_chain(details.chain().value());
  out_details.set_dns(details.dns().value());
  out_details.set_uri(details.uri().value());
}

void AddUpgrade(const char* type, const upgradev1::ProtocolUpgradeConfig::ProtocolUpgradeSpec& spec,
                envoy::Reporter& report, std::set<std::string>& known, HttpConnectionManager& out) {
  if (!known.insert(type).second) {
    report.Error("", "the upgrade to " + std::string(type) + " stands here twice", "remove one of them");
  }
  auto& upgrade = *out.add_upgrade_configs();
  upgrade.set_upgrade_type(type);
  if (spec.has_enabled()) *upgrade.mutable_enabled() = spec.enabled();
}

void TranslateUpgrades(const Settings& in, envoy::Reporter& report, HttpConnectionManager& out) {
  std::set<std::string> known;
  for (int i = 0; i < in.upgrades_size(); ++i) {
    envoy::Reporter at = report.At("upgrades[" + std::to_string(i) + "]");
    const upgradev1::ProtocolUpgradeConfig& upgrade = in.upgrades(i);
    switch (upgrade.upgrade_type_case()) {
      case upgradev1::ProtocolUpgradeConfig::kWebsocket:
        AddUpgrade(kWebsocket, upgrade.websocket(), at, known, out);
        break;
      case upgradev1::ProtocolUpgradeConfig::kConnect: AddUpgrade(kConnect, upgrade.connect(), at, known, out); break;
      case upgradev1::ProtocolUpgradeConfig::kConnectTerminate:
        at.Error("connectTerminate", "is not possible for a whole listener",
                 "write connect here, and connectTerminate in the upgrades of a route");
        break;
      case upgradev1::ProtocolUpgradeConfig::UPGRADE_TYPE_NOT_SET:
        at.Error("", "the upgrade has no type", "add websocket or connect");
        break;
    }
  }
  // WebSockets work unless they are mentioned, as published.
  if (known.insert(kWebsocket).second) out.add_upgrade_configs()->set_upgrade_type(kWebsocket);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  const Settings& in = args.options.http_connection_manager_settings();
  envoy::Reporter report = args.report.At("httpConnectionManagerSettings");
  TranslateProtocols(in, report, args.out);
  TranslateTimeouts(in, report, args.out);
  TranslateHeaders(in, report, args.out);
  TranslatePaths(in, args.out);
  TranslateRequestId(in, args.out);
  if (in.has_internal_address_config()) {
    TranslateInternalAddresses(in.internal_address_config(), report.At("internalAddressConfig"),
                               *args.out.mutable_internal_address_config());
  }
  TranslateClientCertificates(in, report, args.out);
  TranslateUpgrades(in, report, args.out);
  TranslateEarlyHeaders(args.context, in.early_header_manipulation(), report.At("earlyHeaderManipulation"), args.out);
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.http_connection_manager_settings"};
constexpr std::string_view kNotYet[] = {"hcm.options.gloo.solo.io.HttpConnectionManagerSettings.tracing"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "hcm",
    .claims = kClaims,
    .not_yet = kNotYet,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::hcm
