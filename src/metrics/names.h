// The metrics of `gloo`: all names are here, and docs/metrics.md has the same.
//
// Names that the published product has are kept where they mean the same; the others begin with k8sgateway_. Those of
// the process are as everywhere.
#pragma once

#include "src/metrics/family.h"

namespace k8sgw::metrics {

inline constexpr double kSeconds[] = {.01, .05, .1, .25, .5, 1, 5, 10, 60};

// --- published
inline constexpr Family kTranslatorResources{"api_gloo_solo_io_translator_resources", Type::kGauge,
                                             "Resources that are served to a proxy", "proxy_name,resource"};
inline constexpr Family kResourcesIn{"api_gloosnapshot_gloo_solo_io_emitter_resources_in", Type::kCounter,
                                     "Changes of objects that came from their source", "namespace,resource"};
inline constexpr Family kSnapIn{"api_gloosnapshot_gloo_solo_io_emitter_snap_in", Type::kCounter,
                                "Batches of changes that came from the source of objects"};
inline constexpr Family kSnapOut{"api_gloosnapshot_gloo_solo_io_emitter_snap_out", Type::kCounter,
                                 "Revisions that were made of what came"};
inline constexpr Family kSyncTime{"api_gloosnapshot_gloo_solo_io_sync_time_sec", Type::kHistogram,
                                  "Seconds from the begin of a revision until it is there for Envoys", "", kSeconds};
inline constexpr Family kTranslationTime{"gloo_edge_translation_time_sec", Type::kHistogram,
                                         "Seconds that a revision took, from objects to resources", "translator_name",
                                         kSeconds};
inline constexpr Family kNamespacesWatched{"gloo_solo_io_namespaces_watched", Type::kGauge,
                                           "Namespaces that are watched by name; 0 when all are"};
inline constexpr Family kUpstreamsRemoved{"gloo_solo_io_sanitizer_upstreams_removed", Type::kGauge,
                                          "Upstreams that a proxy has no cluster of, as they were never good",
                                          "proxy_name"};
inline constexpr Family kRoutesReplaced{
    "gloo_solo_io_sanitizer_routes_replaced", Type::kGauge,
    "Destinations of routes that lead to the fallback, and routes that are left out", "proxy_name,route_config_name"};
inline constexpr Family kValidConfig{"validation_gateway_solo_io_valid_config", Type::kGauge,
                                     "1 while no object has errors"};
inline constexpr Family kResourcesAccepted{"validation_gateway_solo_io_resources_accepted", Type::kCounter,
                                           "Reviews of the webhook that allowed a change"};
inline constexpr Family kResourcesRejected{"validation_gateway_solo_io_resources_rejected", Type::kCounter,
                                           "Reviews of the webhook that denied a change"};
inline constexpr Family kReloadSuccess{"validation_gateway_solo_io_certificate_reload_success", Type::kCounter,
                                       "Times that the webhook's certificate was read anew"};
inline constexpr Family kReloadFailed{"validation_gateway_solo_io_certificate_reload_failed", Type::kCounter,
                                      "Times that the webhook's certificate could not be read"};
inline constexpr Family kGatewayStatus{"validation_gateway_solo_io_gateway_config_status", Type::kGauge,
                                       "1 for each Gateway with errors or warnings", "namespace,name"};
inline constexpr Family kVirtualServiceStatus{"validation_gateway_solo_io_virtual_service_config_status", Type::kGauge,
                                              "1 for each VirtualService with errors or warnings", "namespace,name"};
inline constexpr Family kRouteTableStatus{"validation_gateway_solo_io_route_table_config_status", Type::kGauge,
                                          "1 for each RouteTable with errors or warnings", "namespace,name"};
inline constexpr Family kProxyStatus{"validation_gateway_solo_io_proxy_config_status", Type::kGauge,
                                     "1 for each Proxy in which errors or warnings were found", "namespace,name"};
inline constexpr Family kUpstreamStatus{"validation_gateway_solo_io_upstream_config_status", Type::kGauge,
                                        "1 for each Upstream with errors or warnings", "namespace,name"};
// So it is spelled.
inline constexpr Family kUpstreamGroupStatus{"validation_gateway_solo_io_upsteam_group_config_status", Type::kGauge,
                                             "1 for each UpstreamGroup with errors or warnings", "namespace,name"};
inline constexpr Family kSecretStatus{"validation_gateway_solo_io_secret_config_status", Type::kGauge,
                                      "1 for each Secret with errors or warnings", "namespace,name"};
inline constexpr Family kXdsResponses{"xds_responses", Type::kCounter, "Responses that went to Envoys over gRPC",
                                      "type"};

// --- ours
inline constexpr Family kBuildInfo{"k8sgateway_build_info", Type::kGauge, "1; installation is the namespace of it",
                                   "version,installation"};
inline constexpr Family kReady{"k8sgateway_ready", Type::kGauge, "1 when the first complete world is served"};
inline constexpr Family kLeader{"k8sgateway_leader", Type::kGauge, "1 while this process writes statuses"};
inline constexpr Family kObjects{"k8sgateway_objects", Type::kGauge, "Objects that are known", "kind"};
inline constexpr Family kProblems{"k8sgateway_problems", Type::kGauge, "What is wrong with objects", "severity"};
inline constexpr Family kRevision{"k8sgateway_revision", Type::kGauge, "The number of the newest revision"};
inline constexpr Family kRevisionTimestamp{"k8sgateway_revision_timestamp_seconds", Type::kGauge,
                                           "When the newest revision was made, in seconds since 1970"};
inline constexpr Family kWorldAge{"k8sgateway_world_age_seconds", Type::kGauge,
                                  "For how long the source of objects has not been heard; 0 while it is"};
inline constexpr Family kAbsentKinds{"k8sgateway_absent_kinds", Type::kGauge,
                                     "Kinds that cannot be followed, as they are missing or forbidden: in how many "
                                     "namespaces, or 1 where all are followed at once",
                                     "kind,reason"};
inline constexpr Family kDiscoveryProblems{
    "k8sgateway_discovery_problems", Type::kGauge,
    "What is wrong with Services, so that they get no Upstream, or not the one that they ask for"};
inline constexpr Family kProxies{"k8sgateway_proxies", Type::kGauge, "Proxies that have configuration"};
inline constexpr Family kProxiesInSync{"k8sgateway_proxies_in_sync", Type::kGauge,
                                       "Proxies of which all Envoys have accepted the newest configuration"};
inline constexpr Family kProxiesBehind{"k8sgateway_proxies_behind", Type::kGauge,
                                       "Proxies of which an Envoy that is connected here does not answer the newest "
                                       "configuration"};
inline constexpr Family kProxyStreams{"k8sgateway_proxy_streams", Type::kGauge,
                                      "Streams of Envoys of each Proxy that are open here", "proxy_name"};
inline constexpr Family kStreams{"k8sgateway_xds_streams", Type::kGauge, "Streams of Envoys that are open"};
inline constexpr Family kResourcesSent{"k8sgateway_xds_resources_sent_total", Type::kCounter,
                                       "Resources in responses to Envoys"};
inline constexpr Family kAcks{"k8sgateway_xds_acks_total", Type::kCounter, "Responses that Envoys accepted"};
inline constexpr Family kNacks{"k8sgateway_xds_nacks_total", Type::kCounter, "Responses that Envoys refused"};
inline constexpr Family kPushToAck{"k8sgateway_xds_push_to_ack_seconds", Type::kHistogram,
                                   "Seconds from a change until the last of a proxy's Envoys had answered it",
                                   "proxy_name", kSeconds};
inline constexpr Family kUnknownRoles{"k8sgateway_xds_unknown_roles_total", Type::kCounter,
                                      "Streams and calls for a role that has no configuration"};
inline constexpr Family kAdmitted{"k8sgateway_xds_admitted_total", Type::kCounter,
                                  "Streams and calls of callers that proved who they are"};
inline constexpr Family kRefused{"k8sgateway_xds_refused_total", Type::kCounter, "Streams and calls that got nothing",
                                 "reason"};
inline constexpr Family kRestRequests{"k8sgateway_rest_xds_requests_total", Type::kCounter,
                                      "Requests for configuration over REST"};
inline constexpr Family kWebhookBadRequests{"k8sgateway_webhook_bad_requests_total", Type::kCounter,
                                            "Requests to the webhook that are no reviews"};
inline constexpr Family kWebhookNotReady{"k8sgateway_webhook_not_ready_total", Type::kCounter,
                                         "Reviews that came before all objects were known"};
inline constexpr Family kWebhookLate{"k8sgateway_webhook_late_total", Type::kCounter,
                                     "Reviews that were given up, as the API server no longer waited"};
inline constexpr Family kWebhookCrowded{"k8sgateway_webhook_crowded_total", Type::kCounter,
                                        "Reviews that were refused, as too many large ones waited"};
inline constexpr Family kWebhookAllowedWithErrors{"k8sgateway_webhook_allowed_with_errors_total", Type::kCounter,
                                                  "Reviews that allowed a change with errors, as Settings accept all"};
inline constexpr Family kWebhookConnections{"k8sgateway_webhook_connections_total", Type::kCounter,
                                            "Connections to the webhook"};
inline constexpr Family kWebhookCutOff{"k8sgateway_webhook_cut_off_total", Type::kCounter,
                                       "Connections to the webhook that were slow, big or too many, and were closed"};
inline constexpr Family kCertificateExpiry{
    "k8sgateway_certificate_expiry_timestamp_seconds", Type::kGauge,
    "When the certificate of the webhook, or of mTLS, ends, in seconds since 1970; none without one", "certificate"};
inline constexpr Family kSeriesLeftOut{"k8sgateway_metrics_left_out_total", Type::kCounter,
                                       "Values that were left out, as there are too many of their metric"};

// --- of the process
inline constexpr Family kCpuSeconds{"process_cpu_seconds_total", Type::kCounter, "Seconds of CPU, in all"};
inline constexpr Family kStartTime{"process_start_time_seconds", Type::kGauge,
                                   "When the process began, in seconds since 1970"};
inline constexpr Family kResidentBytes{"process_resident_memory_bytes", Type::kGauge, "Memory in use"};
inline constexpr Family kVirtualBytes{"process_virtual_memory_bytes", Type::kGauge, "Addresses in use"};
inline constexpr Family kOpenFiles{"process_open_fds", Type::kGauge, "File descriptors that are open"};
inline constexpr Family kMostFiles{"process_max_fds", Type::kGauge, "File descriptors that may be open"};
inline constexpr Family kThreads{"process_threads", Type::kGauge, "Threads"};

inline constexpr const Family* kGloo[] = {&kTranslatorResources,
                                          &kResourcesIn,
                                          &kSnapIn,
                                          &kSnapOut,
                                          &kSyncTime,
                                          &kTranslationTime,
                                          &kNamespacesWatched,
                                          &kUpstreamsRemoved,
                                          &kRoutesReplaced,
                                          &kValidConfig,
                                          &kResourcesAccepted,
                                          &kResourcesRejected,
                                          &kReloadSuccess,
                                          &kReloadFailed,
                                          &kGatewayStatus,
                                          &kVirtualServiceStatus,
                                          &kRouteTableStatus,
                                          &kProxyStatus,
                                          &kUpstreamStatus,
                                          &kUpstreamGroupStatus,
                                          &kSecretStatus,
                                          &kXdsResponses,
                                          &kBuildInfo,
                                          &kReady,
                                          &kLeader,
                                          &kObjects,
                                          &kProblems,
                                          &kRevision,
                                          &kRevisionTimestamp,
                                          &kWorldAge,
                                          &kAbsentKinds,
                                          &kDiscoveryProblems,
                                          &kProxies,
                                          &kProxiesInSync,
                                          &kProxiesBehind,
                                          &kProxyStreams,
                                          &kStreams,
                                          &kResourcesSent,
                                          &kAcks,
                                          &kNacks,
                                          &kPushToAck,
                                          &kUnknownRoles,
                                          &kAdmitted,
                                          &kRefused,
                                          &kRestRequests,
                                          &kWebhookBadRequests,
                                          &kWebhookNotReady,
                                          &kWebhookLate,
                                          &kWebhookCrowded,
                                          &kWebhookAllowedWithErrors,
                                          &kWebhookConnections,
                                          &kWebhookCutOff,
                                          &kCertificateExpiry,
                                          &kSeriesLeftOut,
                                          &kCpuSeconds,
                                          &kStartTime,
                                          &kResidentBytes,
                                          &kVirtualBytes,
                                          &kOpenFiles,
                                          &kMostFiles,
                                          &kThreads};

}  // namespace k8sgw::metrics
