#include "src/gateway/listeners.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <set>

#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/http_gateway.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_configuration_options.proto.h"
#include "src/base/address.h"
#include "src/gateway/fingerprint.h"
#include "src/proxy/route_shards.h"
#include "src/proxy/source_metadata.h"

namespace k8sgw::gateway {
namespace {

using gatewayv1::Gateway;

constexpr char kDefaultProxy[] = "gateway-proxy";
constexpr char kIsolate[] = "gateway.solo.io/isolate_vhost";

// The annotation's words are those of Go's strconv.ParseBool, as published; anything else counts as absent.
std::optional<bool> ParseGoBool(const std::string& text) {
  static const std::set<std::string> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  static const std::set<std::string> kFalse = {"0", "f", "F", "false", "FALSE", "False"};
  if (kTrue.contains(text)) return true;
  if (kFalse.contains(text)) return false;
  return std::nullopt;
}

bool IsolatesBySslConfig(const Object<Gateway>& gateway, const GatewaySettings& settings, const Source& at,
                         Problems& problems) {
  const auto annotation = gateway.annotations.find(kIsolate);
  if (annotation == gateway.annotations.end()) return settings.isolate_by_ssl_config;
  if (const auto value = ParseGoBool(annotation->second)) return *value;
  problems.push_back(Warning({at.object, "metadata.annotations[\"" + std::string(kIsolate) + "\"]"},
                             "\"" + annotation->second + "\" is neither true nor false, so Settings decide",
                             "write \"true\" or \"false\""));
  return settings.isolate_by_ssl_config;
}

void CheckRouteShards(const Object<Gateway>& gateway, const Source& at, Problems& problems) {
  const auto annotation = gateway.annotations.find(proxy::kRouteShardsAnnotation);
  if (annotation == gateway.annotations.end() || proxy::ParseRouteShards(annotation->second)) return;
  problems.push_back(
      Warning({at.object, "metadata.annotations[\"" + std::string(proxy::kRouteShardsAnnotation) + "\"]"},
              "\"" + annotation->second + "\" is neither auto nor off nor a number from 2 to 4096, so Settings decide",
              "write \"auto\", \"off\" or \"256\""));
}

std::string JoinNames(const std::vector<GatewayRef>& refs) {
  std::string text;
  for (const GatewayRef& ref : refs) text += (text.empty() ? "" : ", ") + ref.ToString();
  return text;
}

void CheckBindAddress(const Object<Gateway>& gateway, const BindAddress& bind, const GatewayLookups& lookups,
                      const Source& at, Problems& problems) {
  std::vector<GatewayRef> others = lookups.sharing(bind);
  std::erase(others, gateway.ref);
  if (others.empty()) return;
  problems.push_back(Error(Field(at, "bindPort"),
                           HostAndPort(bind.address, bind.port) + " is also the address of Gateway " +
                               JoinNames(others) + " in proxy " + bind.proxy,
                           "give each Gateway of a proxy its own bindAddress and bindPort"));
}

void CheckRefs(const Gateway& gateway, const Selection& selection, const GatewayLookups& lookups, const Source& at,
               Problems& problems) {
  if (selection.by != Selection::By::kRefs) return;
  const auto& refs = gateway.http_gateway().virtual_services();
  for (int i = 0; i < refs.size(); ++i) {
    const VirtualServiceRef ref{refs[i].namespace_(), refs[i].name()};
    if (lookups.exists(ref)) continue;
    problems.push_back(Error(Element(at, "httpGateway.virtualServices", i),
                             "there is no VirtualService " + ref.ToString(),
                             ref.ns.empty() ? "add its namespace" : "create it, or correct name and namespace"));
  }
}

std::shared_ptr<gloov1::Listener> MakeSpec(const Object<Gateway>& gateway) {
  auto spec = std::make_shared<gloov1::Listener>();
  const Gateway& in = gateway.spec;
  spec->set_name("listener-" + in.bind_address() + "-" + std::to_string(in.bind_port()));
  spec->set_bind_address(in.bind_address());
  spec->set_bind_port(in.bind_port());
  if (in.has_options()) *spec->mutable_options() = in.options();
  if (in.has_use_proxy_proto()) *spec->mutable_use_proxy_proto() = in.use_proxy_proto();
  if (in.has_route_options()) *spec->mutable_route_options() = in.route_options();
  auto& http = *spec->mutable_http_listener();
  if (in.http_gateway().has_options()) *http.mutable_options() = in.http_gateway().options();
  proxy::AddSource({{Kind::kGateway, gateway.ref.ns, gateway.ref.name}, gateway.generation},
                   *spec->mutable_metadata_static());
  return spec;
}

}  // namespace

std::vector<std::string> ProxyNames(const Gateway& gateway) {
  if (gateway.proxy_names().empty()) return {kDefaultProxy};
  std::set<std::string> names(gateway.proxy_names().begin(), gateway.proxy_names().end());
  names.erase("");
  return {names.begin(), names.end()};
}

std::vector<BindAddress> BindAddresses(const Gateway& gateway) {
  std::vector<BindAddress> out;
  for (std::string& proxy : ProxyNames(gateway)) {
    out.push_back({std::move(proxy), NormalAddress(gateway.bind_address()), gateway.bind_port()});
  }
  return out;
}

bool IsTranslated(const Object<Gateway>& gateway, const GatewaySettings& settings) {
  return settings.ReadsGatewaysOf(gateway.ref.ns) && gateway.spec.has_http_gateway();
}

Problems CheckUntranslated(const Object<Gateway>& gateway, const GatewaySettings& settings) {
  const Source at{KeyOf(gateway.ref), ""};
  Problems problems;
  if (!settings.ReadsGatewaysOf(gateway.ref.ns)) {
    const bool read_all = settings.read_gateways_from_all_namespaces;
    problems.push_back(Warning(
        {at.object, "metadata.namespace"},
        read_all ? "does not count, because its namespace is not watched"
                 : "does not count, because Gateways are read from namespace " + settings.write_namespace + " only",
        read_all
            ? "add the namespace to watchNamespaces in Settings"
            : "move it to " + settings.write_namespace + ", or set gateway.readGatewaysFromAllNamespaces in Settings"));
    return problems;
  }
  switch (gateway.spec.GatewayType_case()) {
    case Gateway::kHttpGateway: break;
    case Gateway::kTcpGateway:
      problems.push_back(Notice(Field(at, "tcpGateway"), "is not translated yet, so the Gateway is not served"));
      break;
    case Gateway::kHybridGateway:
      problems.push_back(Notice(Field(at, "hybridGateway"), "is not translated yet, so the Gateway is not served"));
      break;
    case Gateway::GATEWAYTYPE_NOT_SET:
      problems.push_back(Error(at, "the Gateway must have a type", "add httpGateway: {}"));
      break;
  }
  const auto& names = gateway.spec.proxy_names();
  for (int i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    problems.push_back(Error(Element(at, "proxyNames", i), "the name of the proxy is empty", "remove it"));
  }
  return problems;
}

TranslatedGateway TranslateGateway(const Object<Gateway>& gateway, const std::string& proxy,
                                   const GatewaySettings& settings, const ListenerDefaults* defaults,
                                   const GatewayLookups& lookups) {
  auto listener = std::make_shared<proxy::Listener>();
  listener->source = {KeyOf(gateway.ref), ""};
  listener->ssl = gateway.spec.ssl();
  Problems& problems = listener->problems;
  listener->isolate_by_ssl_config = IsolatesBySslConfig(gateway, settings, listener->source, problems);
  CheckRouteShards(gateway, listener->source, problems);
  auto selection = std::make_shared<Selection>(
      ReadSelection(gateway.spec, listener->isolate_by_ssl_config, listener->source, problems));
  CheckBindAddress(gateway, {proxy, NormalAddress(gateway.spec.bind_address()), gateway.spec.bind_port()}, lookups,
                   listener->source, problems);
  listener->accepted = !HasErrors(problems);
  CheckRefs(gateway.spec, *selection, lookups, listener->source, problems);
  Normalize(problems);
  auto spec = MakeSpec(gateway);
  if (defaults) AddDefaults(*defaults, *spec, listener->options);
  listener->spec = std::move(spec);

  Fingerprint hash;
  hash.Add(*listener->spec);
  hash.Add(listener->source);
  hash.Add(listener->options);
  hash.Add(listener->ssl);
  hash.Add(listener->isolate_by_ssl_config);
  hash.Add(listener->accepted);
  hash.Add(problems);
  listener->hash = hash.value();
  return {std::move(listener), std::move(selection)};
}

}  // namespace k8sgw::gateway
