// Protocols that a connection may change to on a route: websocket, and CONNECT forwarded or ended here.

#include <google/protobuf/wrappers.pb.h>

#include <set>

#include "api/gloo/v1/route_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "plugins/upgrades/upgrades.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::upgrades {
namespace {

namespace upgradev1 = ::protocol_upgrade::options::gloo::solo::io;

void Route(const envoy::RouteArgs& args) {
  const auto& upgrades = args.options.upgrades();
  if (upgrades.empty() || !args.RequireAction("upgrades")) return;
  std::set<std::string> seen;
  for (int i = 0; i < upgrades.size(); ++i) {
    const std::string field = "upgrades[" + std::to_string(i) + "]";
    upgradev1::ProtocolUpgradeConfig::ProtocolUpgradeSpec spec;
    auto& out = *args.action->add_upgrade_configs();
    switch (upgrades[i].upgrade_type_case()) {
      case upgradev1::ProtocolUpgradeConfig::kWebsocket:
        out.set_upgrade_type("websocket");
        spec = upgrades[i].websocket();
        break;
      case upgradev1::ProtocolUpgradeConfig::kConnect:
        out.set_upgrade_type("CONNECT");
        spec = upgrades[i].connect();
        break;
      case upgradev1::ProtocolUpgradeConfig::kConnectTerminate:
        out.set_upgrade_type("CONNECT");
        out.mutable_connect_config();
        spec = upgrades[i].connect_terminate();
        break;
      case upgradev1::ProtocolUpgradeConfig::UPGRADE_TYPE_NOT_SET:
        args.report.Error(field, "names no protocol", "add websocket, connect or connectTerminate");
        continue;
    }
    out.mutable_enabled()->set_value(!spec.has_enabled() || spec.enabled().value());
    if (!seen.insert(out.upgrade_type()).second) {
      args.report.Error(field, out.upgrade_type() + " stands twice in upgrades", "keep one of them");
    }
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.upgrades"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "upgrades", .claims = kClaims, .route = Route};

}  // namespace k8sgw::plugins::upgrades
