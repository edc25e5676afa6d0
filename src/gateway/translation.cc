#include "src/gateway/translation.h"

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/gateway/bindings.h"
#include "src/gateway/content_check.h"
#include "src/gateway/listener_defaults.h"
#include "src/gateway/listeners.h"
#include "src/gateway/selection.h"
#include "src/gateway/settings.h"
#include "src/gateway/table_index.h"
#include "src/gateway/union.h"
#include "src/gateway/unselected.h"
#include "src/gateway/virtual_hosts.h"
#include "src/model/inputs.h"

namespace k8sgw::gateway {
namespace {

using flow::Reader;
using proxy::Binding;
using proxy::ListenerKey;
using proxy::VirtualHostKey;

// An object that counts, of which nobody needs to know more.
struct Exists {
  bool operator==(const Exists&) const = default;
};

template <class Spec, class K, class V>
using FromObject = flow::Derived<Ref<Spec>, Object<Spec>, K, V>;
template <class Spec>
using CheckObject = FromObject<Spec, ResourceKey, Problems>;

template <class Output>
void EmitProblems(const ResourceKey& object, Problems problems, Output& out) {
  if (problems.empty()) return;
  Normalize(problems);
  out.Emit(object, std::move(problems));
}

}  // namespace

struct Translation::Nodes {
  Nodes(flow::Graph& graph, const Inputs& inputs, const SettingsKey& key);

  Ptr<GatewaySettings> Settings(Reader& reader) const {
    const auto found = reader.Get(settings, settings_key.ref());
    return found ? found : default_settings;
  }
  GatewayLookups LookupsOf(Reader& reader, const GatewaySettings& settings_in_force) const;
  VirtualHostLookups LookupsOf(Reader& reader, const VirtualHostKey& host) const;

  const Inputs& in;
  const SettingsKey settings_key;
  const Ptr<GatewaySettings> default_settings;

  // Settings ─→ what of it counts here
  FromObject<gloov1::Settings, SettingsRef, GatewaySettings> settings;
  FromObject<gloov1::Settings, SettingsRef, ListenerDefaults> listener_defaults;
  CheckObject<gloov1::Settings> settings_problems;

  // Gateway ─→ listeners, and whom each takes: the last good choice while the Gateway has errors
  flow::Index<BindAddress, GatewayRef, Object<gatewayv1::Gateway>> gateways_by_address;
  FromObject<gatewayv1::VirtualService, VirtualServiceRef, Exists> existing_services;
  FromObject<gatewayv1::Gateway, ListenerKey, TranslatedGateway> translated_gateways;
  CheckObject<gatewayv1::Gateway> gateway_problems;
  flow::Derived<ListenerKey, TranslatedGateway, ListenerKey, proxy::Listener> listeners;
  flow::LastGood<ListenerKey, TranslatedGateway, Selection> good_selections;
  flow::Derived<ListenerKey, TranslatedGateway, ListenerKey, Selection> selections;

  // VirtualService × listeners ─→ bindings
  FromObject<gatewayv1::VirtualService, VirtualHostKey, Binding> bindings;
  flow::Index<ListenerKey, VirtualHostKey, Binding> bindings_by_listener;
  flow::Index<VirtualServiceRef, VirtualHostKey, Binding> bindings_by_service;
  flow::Index<DomainKey, VirtualHostKey, Binding> bindings_by_domain;

  // the content of each object, whoever includes it
  CheckObject<gatewayv1::VirtualService> service_problems;
  CheckObject<gatewayv1::RouteTable> table_problems;
  CheckObject<gatewayv1::RouteOption> route_option_problems;
  CheckObject<gatewayv1::VirtualHostOption> virtual_host_option_problems;

  // bindings, VirtualServices, RouteTables and options ─→ virtual hosts
  FromObject<gatewayv1::RouteTable, RouteTableRef, TableHead> table_heads;
  TableIndex tables_by_label;
  flow::Derived<VirtualHostKey, Binding, VirtualHostKey, proxy::VirtualHost> virtual_hosts;

  Union<ResourceKey, Problems> other_problems;
};

GatewayLookups Translation::Nodes::LookupsOf(Reader& reader, const GatewaySettings& settings_in_force) const {
  return {.sharing =
              [this, &reader, &settings_in_force](const BindAddress& bind) {
                std::vector<GatewayRef> refs;
                for (const auto& [ref, gateway] : reader.Find(gateways_by_address, bind)) {
                  if (settings_in_force.ReadsGatewaysOf(ref.ns)) refs.push_back(ref);
                }
                return refs;
              },
          .exists = [this,
                     &reader](const VirtualServiceRef& ref) { return reader.Get(existing_services, ref) != nullptr; }};
}

VirtualHostLookups Translation::Nodes::LookupsOf(Reader& reader, const VirtualHostKey& host) const {
  const auto selection = reader.Get(selections, host.listener);
  return {.routes = {.route_table =
                         [this, &reader](const RouteTableRef& ref) {
                           return Settings(reader)->Watches(ref.ns) ? reader.Get(in.route_tables, ref) : nullptr;
                         },
                     .route_option = [this,
                                      &reader](const RouteOptionRef& ref) { return reader.Get(in.route_options, ref); },
                     .select =
                         [this, &reader](const RouteTableSelection& selector) {
                           return FindTables(reader, tables_by_label, selector);
                         },
                     .content_problems =
                         [this, &reader](const ResourceKey& object) {
                           return object.kind == Kind::kRouteTable ? reader.Get(table_problems, object)
                                                                   : reader.Get(route_option_problems, object);
                         }},
          .virtual_host_option =
              [this, &reader](const VirtualHostOptionRef& ref) { return reader.Get(in.virtual_host_options, ref); },
          .claimants = [this, &reader](const DomainKey& key) -> const Claimants& {
            return reader.Find(bindings_by_domain, key);
          },
          .content_problems = reader.Get(service_problems, KeyOf(host.virtual_service)),
          .isolated = selection && selection->isolate_by_ssl_config};
}

Translation::Nodes::Nodes(flow::Graph& graph, const Inputs& inputs, const SettingsKey& key)
    : in(inputs),
      settings_key(key),
      default_settings(std::make_shared<const GatewaySettings>(DefaultSettings(key))),
      settings(graph, "gateway-settings", in.settings, {},
               [this](Reader&, const SettingsRef& ref, const Object<gloov1::Settings>& object, auto& out) {
                 if (ref == settings_key.ref()) out.Emit(ref, ReadSettings(settings_key, object.spec));
               }),
      listener_defaults(graph, "listener-defaults", in.settings, {},
                        [this](Reader&, const SettingsRef& ref, const Object<gloov1::Settings>& object, auto& out) {
                          if (ref == settings_key.ref()) out.Emit(ref, ReadListenerDefaults(object));
                        }),
      settings_problems(graph, "settings-problems", in.settings, {},
                        [this](Reader&, const SettingsRef& ref, const Object<gloov1::Settings>& object, auto& out) {
                          EmitProblems(KeyOf(ref), CheckSettings(settings_key, object), out);
                        }),
      gateways_by_address(
          graph, "gateways-by-address", in.gateways,
          [](const GatewayRef&, const Object<gatewayv1::Gateway>& gateway) { return BindAddresses(gateway.spec); }),
      existing_services(
          graph, "existing-virtual-services", in.virtual_services, {&settings},
          [this](Reader& reader, const VirtualServiceRef& ref, const Object<gatewayv1::VirtualService>&, auto& out) {
            if (Settings(reader)->Watches(ref.ns)) out.Emit(ref, Exists{});
          }),
      translated_gateways(
          graph, "translated-gateways", in.gateways,
          {&settings, &listener_defaults, &gateways_by_address, &existing_services},
          [this](Reader& reader, const GatewayRef& ref, const Object<gatewayv1::Gateway>& gateway, auto& out) {
            const auto in_force = Settings(reader);
            if (!IsTranslated(gateway, *in_force)) return;
            const auto defaults = reader.Get(listener_defaults, settings_key.ref());
            for (const std::string& proxy : ProxyNames(gateway.spec)) {
              out.Emit(ListenerKey{{in_force->write_namespace, proxy}, ref},
                       TranslateGateway(gateway, proxy, *in_force, defaults.get(), LookupsOf(reader, *in_force)));
            }
          }),
      gateway_problems(
          graph, "gateway-problems", in.gateways, {&settings},
          [this](Reader& reader, const GatewayRef& ref, const Object<gatewayv1::Gateway>& gateway, auto& out) {
            EmitProblems(KeyOf(ref), CheckUntranslated(gateway, *Settings(reader)), out);
          }),
      listeners(graph, "gateway-listeners", translated_gateways, {},
                [](Reader&, const ListenerKey& listener, const TranslatedGateway& gateway, auto& out) {
                  out.Emit(listener, gateway.listener);
                }),
      good_selections(graph, "selections-last-good", translated_gateways,
                      [](const TranslatedGateway& gateway) {
                        return flow::Candidate<Selection>{gateway.selection, gateway.listener->accepted};
                      }),
      selections(graph, "selections", translated_gateways, {&good_selections},
                 [this](Reader& reader, const ListenerKey& listener, const TranslatedGateway& gateway, auto& out) {
                   const auto good = reader.Get(good_selections, listener);
                   out.Emit(listener, good ? good : gateway.selection);
                 }),
      bindings(graph, "bindings", in.virtual_services, {&settings, &selections},
               [this](Reader& reader, const VirtualServiceRef& ref, const Object<gatewayv1::VirtualService>& service,
                      auto& out) {
                 const auto in_force = Settings(reader);
                 if (!IsServable(service, *in_force)) return;
                 Ptr<Binding> binding;  // one for all listeners
                 reader.All(selections).ForEach([&](const ListenerKey& listener, const Ptr<Selection>& selection) {
                   if (!Selects(*selection, ref, service.labels, service.spec.has_ssl_config())) return;
                   if (!binding) binding = MakeBinding(service, *in_force);
                   out.Emit(VirtualHostKey{listener, ref}, binding);
                 });
               }),
      bindings_by_listener(graph, "bindings-by-listener", bindings,
                           [](const VirtualHostKey& host, const Binding&) { return std::vector{host.listener}; }),
      bindings_by_service(graph, "bindings-by-virtual-service", bindings,
                          [](const VirtualHostKey& host, const Binding&) { return std::vector{host.virtual_service}; }),
      bindings_by_domain(
          graph, "bindings-by-domain", bindings,
          [](const VirtualHostKey& host, const Binding& binding) { return DomainKeys(host.listener, binding); }),
      service_problems(graph, "virtual-service-problems", in.virtual_services,
                       {&settings, &selections, &bindings_by_service},
                       [this](Reader& reader, const VirtualServiceRef& ref,
                              const Object<gatewayv1::VirtualService>& service, auto& out) {
                         const auto in_force = Settings(reader);
                         Problems problems = CheckVirtualService(service, {in_force->regex_max_program_size});
                         if (reader.Find(bindings_by_service, ref).empty()) {
                           problems.push_back(ExplainUnselected(service, *in_force, reader.All(selections)));
                         }
                         EmitProblems(KeyOf(ref), std::move(problems), out);
                       }),
      table_problems(
          graph, "route-table-problems", in.route_tables, {&settings},
          [this](Reader& reader, const RouteTableRef& ref, const Object<gatewayv1::RouteTable>& table, auto& out) {
            const auto in_force = Settings(reader);
            EmitProblems(KeyOf(ref),
                         in_force->Watches(ref.ns) ? CheckRouteTable(table, {in_force->regex_max_program_size})
                                                   : Problems{ExplainUnwatched(KeyOf(ref))},
                         out);
          }),
      route_option_problems(
          graph, "route-option-problems", in.route_options, {&settings},
          [this](Reader& reader, const RouteOptionRef& ref, const Object<gatewayv1::RouteOption>& option, auto& out) {
            EmitProblems(KeyOf(ref), CheckRouteOption(option, {Settings(reader)->regex_max_program_size}), out);
          }),
      virtual_host_option_problems(
          graph, "virtual-host-option-problems", in.virtual_host_options, {},
          [](Reader&, const VirtualHostOptionRef& ref, const Object<gatewayv1::VirtualHostOption>& option, auto& out) {
            EmitProblems(KeyOf(ref), CheckVirtualHostOption(option), out);
          }),
      table_heads(
          graph, "route-table-heads", in.route_tables, {&settings},
          [this](Reader& reader, const RouteTableRef& ref, const Object<gatewayv1::RouteTable>& table, auto& out) {
            if (Settings(reader)->Watches(ref.ns)) out.Emit(ref, TableHead{table.labels});
          }),
      tables_by_label(graph, "route-tables-by-label", table_heads, TableBuckets),
      virtual_hosts(
          graph, "gateway-virtual-hosts", bindings,
          {&settings, &in.virtual_services, &in.route_tables, &in.route_options, &in.virtual_host_options, &selections,
           &bindings_by_domain, &service_problems, &table_problems, &route_option_problems, &tables_by_label},
          [this](Reader& reader, const VirtualHostKey& host, const Binding& binding, auto& out) {
            const auto service = reader.Get(in.virtual_services, host.virtual_service);
            if (!service) return;
            out.Emit(host, MakeVirtualHost(host, *service, binding, LookupsOf(reader, host)));
          }),
      other_problems(graph, "other-problems",
                     {&settings_problems, &gateway_problems, &service_problems, &table_problems, &route_option_problems,
                      &virtual_host_option_problems}) {}

Translation::Translation(flow::Graph& graph, const Inputs& inputs, const SettingsKey& settings)
    : nodes_(std::make_unique<Nodes>(graph, inputs, settings)) {}

Translation::~Translation() = default;

const flow::Collection<ListenerKey, proxy::Listener>& Translation::listeners() const { return nodes_->listeners; }
const flow::Collection<VirtualHostKey, Binding>& Translation::bindings() const { return nodes_->bindings; }
const flow::Index<ListenerKey, VirtualHostKey, Binding>& Translation::bindings_by_listener() const {
  return nodes_->bindings_by_listener;
}
const flow::Collection<VirtualHostKey, proxy::VirtualHost>& Translation::virtual_hosts() const {
  return nodes_->virtual_hosts;
}
const flow::Collection<ResourceKey, Problems>& Translation::other_problems() const { return nodes_->other_problems; }

Translation::Memory Translation::memory() const {
  Memory memory;
  nodes_->good_selections.ForEach([&](const auto& key, const auto& value) { memory.selections.emplace(key, value); });
  return memory;
}

void Translation::Remember(const Memory& memory) {
  for (const auto& [key, value] : memory.selections) nodes_->good_selections.Remember(key, value);
}

}  // namespace k8sgw::gateway
