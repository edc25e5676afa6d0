// Which fields of Settings have no effect. What has one is listed here, whoever reads it: a field that is added to the
// API gives a warning until somebody translates it.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/enterprise/extauth.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "src/base/address.h"
#include "src/gateway/places.h"
#include "src/gateway/settings.h"
#include "src/proxy/route_shards.h"

namespace k8sgw::gateway {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// What is read, with all that is below.
constexpr std::string_view kInForce[] = {
    "gloo.solo.io.Settings.metadata",
    "gloo.solo.io.Settings.namespaced_statuses",
    "gloo.solo.io.Settings.watch_namespaces",
    // Of listeners, where they are checked.
    "gloo.solo.io.Settings.extauth",
    "gloo.solo.io.Settings.ratelimit_server",
    "gloo.solo.io.GlooOptions.circuit_breakers",
    "gloo.solo.io.GlooOptions.invalid_config_policy",
    "gloo.solo.io.GlooOptions.disable_grpc_web",
    "gloo.solo.io.GlooOptions.disable_kubernetes_destinations",
    "gloo.solo.io.GlooOptions.regex_max_program_size",
    "gloo.solo.io.GlooOptions.remove_unused_filters",
    "gloo.solo.io.GatewayOptions.read_gateways_from_all_namespaces",
    "gloo.solo.io.GatewayOptions.isolate_virtual_hosts_by_ssl_config",
    "gloo.solo.io.GatewayOptions.translate_empty_gateways",
    "gloo.solo.io.GatewayOptions.ValidationOptions.warn_missing_tls_secret",
    "gloo.solo.io.VirtualServiceOptions.one_way_tls",
    "gloo.solo.io.UpstreamOptions.global_annotations",
    "gloo.solo.io.UpstreamOptions.ssl_parameters",
};

// What is read unless the command line says it.
constexpr std::string_view kSources[] = {
    "gloo.solo.io.Settings.directory_config_source",
    "gloo.solo.io.Settings.directory_secret_source",
    "gloo.solo.io.Settings.directory_artifact_source",
    "gloo.solo.io.Settings.SecretOptions.Source.directory",
};
constexpr std::string_view kXdsAddress = "gloo.solo.io.GlooOptions.xds_bind_addr";
// Of the services that only `gloo` has.
constexpr std::string_view kOtherServices[] = {
    "gloo.solo.io.GlooOptions.validation_bind_addr",
    "gloo.solo.io.GlooOptions.rest_xds_bind_addr",
    "gloo.solo.io.GlooOptions.enable_rest_eds",
    "gloo.solo.io.GlooOptions.proxy_debug_bind_addr",
    "gloo.solo.io.GatewayOptions.ValidationOptions.validation_server_grpc_max_size_bytes",
};

// What is read in a cluster.
constexpr std::string_view kInCluster[] = {
    "gloo.solo.io.Settings.kubernetes_config_source",
    "gloo.solo.io.Settings.kubernetes_secret_source",
    "gloo.solo.io.Settings.kubernetes_artifact_source",
    "gloo.solo.io.Settings.SecretOptions.Source.kubernetes",
    "gloo.solo.io.Settings.watch_namespace_selectors",
    "gloo.solo.io.Settings.DiscoveryOptions.uds_options",
    "gloo.solo.io.Settings.DiscoveryOptions.fds_mode",
    "gloo.solo.io.Settings.KubernetesConfiguration.rate_limits",
    // Of the webhook and of validation by gRPC.
    "gloo.solo.io.GatewayOptions.ValidationOptions.always_accept",
    "gloo.solo.io.GatewayOptions.ValidationOptions.allow_warnings",
    "gloo.solo.io.GatewayOptions.ValidationOptions.server_enabled",
    "gloo.solo.io.GatewayOptions.ValidationOptions.full_envoy_validation",
    "gloo.solo.io.GatewayOptions.ValidationOptions.validation_webhook_tls_cert",
    "gloo.solo.io.GatewayOptions.ValidationOptions.validation_webhook_tls_key",
};

// Values that ask for what is done anyway.
constexpr std::pair<std::string_view, std::string_view> kDoneAnyway[] = {
    {"gloo.solo.io.Settings.DiscoveryOptions.fds_mode", "DISABLED"},
    {"gloo.solo.io.Settings.DiscoveryOptions.UdsOptions.enabled", "false"},
    {"gloo.solo.io.GlooOptions.disable_proxy_garbage_collection", "false"},
    {"gloo.solo.io.GlooOptions.log_transformation_request_response_info", "false"},
    {"gloo.solo.io.GlooOptions.transformation_escape_characters", "false"},
    {"gloo.solo.io.GlooOptions.enable_auto_websocket_transformation_passthrough", "false"},
    {"gloo.solo.io.GlooOptions.IstioOptions.append_x_forwarded_host", "false"},
    {"gloo.solo.io.GlooOptions.IstioOptions.enable_auto_mtls", "false"},
    {"gloo.solo.io.GlooOptions.IstioOptions.enable_integration", "false"},
    {"gloo.solo.io.GatewayOptions.persist_proxy_spec", "false"},
    {"gloo.solo.io.GatewayOptions.enable_gateway_controller", "true"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.always_accept", "true"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.allow_warnings", "true"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.warn_route_short_circuiting", "false"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.disable_transformation_validation", "true"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.server_enabled", "false"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.full_envoy_validation", "false"},
};

struct NoEffect {
  std::string_view field;
  std::string_view message;
  std::string_view fix;
};

constexpr char kNotTranslated[] = "is not translated yet, so it has no effect";
constexpr char kOfGloo[] = "has no effect, because only `gloo` has that service";
constexpr char kAsPublished[] = "has no effect, as published";
constexpr char kRemove[] = "remove it";

// Fields of which more can be said.
constexpr NoEffect kExplained[] = {
    {"gloo.solo.io.Settings.refresh_rate", "has no effect, because files are noticed when they change", kRemove},
    {"gloo.solo.io.Settings.dev_mode", kAsPublished, kRemove},
    {"gloo.solo.io.Settings.knative", kAsPublished, kRemove},
    {"gloo.solo.io.Settings.ratelimit",
     "has no effect, because only the rate-limit server of the Enterprise edition reads it",
     "write the limits into the configuration of your rate-limit server"},
    {"gloo.solo.io.GatewayOptions.always_sort_route_table_routes", kAsPublished,
     "routes are sorted when a selector finds several RouteTables of one weight"},
    {"gloo.solo.io.GatewayOptions.ValidationOptions.ignore_gloo_validation_failure", kAsPublished, kRemove},
};

template <class List, class Item>
bool Contains(const List& list, const Item& item) {
  return std::find(std::begin(list), std::end(list), item) != std::end(list);
}

// The messages that hold something that counts: their other fields are looked at one by one.
const std::set<const google::protobuf::Descriptor*>& PartlyInForce() {
  static const auto* messages = [] {
    auto* found = new std::set<const google::protobuf::Descriptor*>;
    const auto* pool = gloov1::Settings::descriptor()->file()->pool();
    const auto add = [&](std::string_view field) {
      // Also those that lead there.
      for (const auto* message = pool->FindFieldByName(std::string(field))->containing_type(); message;
           message = message->containing_type()) {
        found->insert(message);
      }
    };
    for (std::string_view field : kInForce) add(field);
    for (std::string_view field : kSources) add(field);
    for (std::string_view field : kInCluster) add(field);
    for (const auto& [field, value] : kDoneAnyway) add(field);
    return found;
  }();
  return *messages;
}

// The value of a flag or enum as users write it; "" for all else.
std::string ValueText(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  if (field->is_repeated()) return "";
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return reflection->GetBool(message, field) ? "true" : "false";
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return reflection->GetEnum(message, field)->name();
  if (field->message_type() != google::protobuf::BoolValue::descriptor()) return "";
  return static_cast<const google::protobuf::BoolValue&>(reflection->GetMessage(message, field)).value() ? "true"
                                                                                                         : "false";
}

class Checker {
 public:
  Checker(const SettingsKey& key, Problems& problems) : key_(key), problems_(problems) {}

  void Check(const Message& message, const Source& at) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) CheckField(message, field, at);
  }

 private:
  void CheckField(const Message& message, const FieldDescriptor* field, const Source& at) {
    const std::string& name = field->full_name();
    const Source place = Field(at, field->json_name());
    if (Contains(kInForce, name)) return;
    if (key_.origin == Origin::kCluster && Contains(kInCluster, name)) return;
    if (name == kXdsAddress && key_.origin == Origin::kCluster) return;
    if (Contains(kOtherServices, name)) {
      if (key_.origin == Origin::kCommandLine) problems_.push_back(Warning(place, kOfGloo, kRemove));
      return;
    }
    if (name == kXdsAddress || Contains(kSources, name)) {
      if (key_.origin == Origin::kCommandLine) {
        problems_.push_back(Warning(place, "has no effect, because the command line decides on it", kRemove));
      } else if (key_.origin == Origin::kCluster) {
        problems_.push_back(Warning(place, "has no effect, because objects come from the cluster", kRemove));
      }
      return;
    }
    const std::string value = ValueText(message, field);
    if (Contains(kDoneAnyway, std::pair<std::string_view, std::string_view>(name, value))) return;
    if (field->message_type() && PartlyInForce().contains(field->message_type())) {
      Descend(message, field, at);
      return;
    }
    const auto explained = std::find_if(std::begin(kExplained), std::end(kExplained),
                                        [&](const NoEffect& known) { return known.field == name; });
    if (explained == std::end(kExplained)) {
      problems_.push_back(Notice(place, kNotTranslated, "remove it until it is"));
    } else {
      problems_.push_back(Notice(place, std::string(explained->message), std::string(explained->fix)));
    }
  }

  void Descend(const Message& message, const FieldDescriptor* field, const Source& at) {
    const auto* reflection = message.GetReflection();
    if (!field->is_repeated()) {
      Check(reflection->GetMessage(message, field), Field(at, field->json_name()));
      return;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      Check(reflection->GetRepeatedMessage(message, field, i), Element(at, field->json_name(), i));
    }
  }

  const SettingsKey& key_;
  Problems& problems_;
};

}  // namespace

Problems CheckSettings(const SettingsKey& key, const Object<gloov1::Settings>& settings) {
  const Source at{KeyOf(settings.ref), ""};
  if (settings.ref != key.ref()) {
    return {Warning(at, "has no effect, as only the Settings " + key.ref().ToString() + " are in force",
                    "move what you need to " + key.ref().ToString())};
  }
  Problems problems;
  if (const auto shards = settings.annotations.find(proxy::kRouteShardsAnnotation);
      shards != settings.annotations.end() && !proxy::ParseRouteShards(shards->second)) {
    problems.push_back(
        Warning({at.object, "metadata.annotations[\"" + std::string(proxy::kRouteShardsAnnotation) + "\"]"},
                "\"" + shards->second + "\" is neither auto nor off nor a number from 2 to 4096, so it has no effect",
                "write \"auto\", \"off\" or \"256\""));
  }
  gloov1::Settings spec = settings.spec;
  // These depend on more than their own value.
  const auto take = [&](bool is_set, std::string_view field, std::string message, std::string fix) {
    if (is_set) problems.push_back(Notice(Field(at, field), std::move(message), std::move(fix)));
  };
  take(!spec.discovery_namespace().empty() && spec.discovery_namespace() != key.write_namespace, "discoveryNamespace",
       "is for discovered Upstreams alone: Proxies are of " + key.write_namespace + ", where Gateways count, too",
       "write " + key.write_namespace + ", if that is not wanted");
  const bool listed = spec.watch_namespaces_size() > 0;
  const bool labels_known = key.origin == Origin::kCluster;
  take(spec.watch_namespace_selectors_size() > 0 && (listed || !labels_known), "watchNamespaceSelectors",
       listed ? "has no effect, because watchNamespaces is set" : kNotTranslated,
       listed ? "remove one of them" : "list the namespaces in watchNamespaces");
  const uint32_t status = spec.gloo().invalid_config_policy().invalid_route_response_code();
  take(status != 0 && (status < 200 || status > 599), "gloo.invalidConfigPolicy.invalidRouteResponseCode",
       "is " + std::to_string(status) + ", which is no status of a response, so it is 404", "use 200 to 599");
  const auto check_address = [&](const std::string& address, std::string_view field, const std::string& usual) {
    // Port 0 is any that is free.
    if (address.empty() || address.ends_with(":0")) return;
    if (const auto parsed = ParseHostPort(address); !parsed.ok()) {
      problems.push_back(Error(Field(at, field), std::string(parsed.status().message()),
                               "write an address and a port, such as " + usual));
    }
  };
  check_address(spec.gloo().xds_bind_addr(), "gloo.xdsBindAddr", AnyAddress(9977));
  check_address(spec.gloo().validation_bind_addr(), "gloo.validationBindAddr", AnyAddress(9988));
  check_address(spec.gloo().rest_xds_bind_addr(), "gloo.restXdsBindAddr", AnyAddress(9976));
  check_address(spec.gloo().proxy_debug_bind_addr(), "gloo.proxyDebugBindAddr", AnyAddress(9966));
  if (!spec.named_extauth().empty()) {
    problems.push_back(Error(Field(at, "namedExtauth"), "is of the Enterprise edition: here there is one server",
                             "remove it, and name the server in extauth of Settings or of a Gateway's options"));
  }
  spec.clear_named_extauth();
  spec.clear_discovery_namespace();
  spec.clear_watch_namespace_selectors();
  Checker(key, problems).Check(spec, at);
  return problems;
}

}  // namespace k8sgw::gateway
