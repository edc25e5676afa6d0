{{/* The bootstrap of a proxy's Envoy. `k8sgateway proxy` fills in {{.PodName}} and its like when it starts. */}}

{{/* Files of the ConfigMap, by name: a YAML map. */}}
{{- define "k8sgateway.proxy.files" -}}
{{- if .spec.configMap.data -}}
{{ toYaml .spec.configMap.data }}
{{- else -}}
envoy.yaml: |
  {{- include "k8sgateway.bootstrap" . | fromYaml | toYaml | nindent 2 }}
{{- end }}
{{- if .root.Values.global.xdsAuth.enabled }}
xds-token.yaml: |
  {{- include "k8sgateway.bootstrap.token" . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Names the token's file for Envoy, and never changes. */}}
{{- define "k8sgateway.bootstrap.token" -}}
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: xds-token
  generic_secret: {secret: {filename: /var/run/secrets/k8sgateway/token}}
{{- end -}}

{{- define "k8sgateway.bootstrap" -}}
node:
  cluster: gateway
  id: "{{ `{{.PodName}}.{{.PodNamespace}}` }}"
  metadata:
    role: {{ printf "%s~%s" .root.Release.Namespace .name | quote }}
admin:
  address: {{ include "k8sgateway.address" (list .spec.loopBackAddress 19000) }}
layered_runtime:
  layers:
  - name: static_layer
    static_layer: {{- include "k8sgateway.bootstrap.runtime" . | nindent 6 }}
  - name: admin_layer
    admin_layer: {}
{{- include "k8sgateway.bootstrap.overload" . }}
{{- with .spec.envoyStatsConfig }}
stats_config: {{ toJson . }}
{{- end }}
{{- with .spec.envoyBootstrapExtensions }}
bootstrap_extensions: {{ toJson . }}
{{- end }}
{{- with (.spec.tracing).provider }}
tracing: {http: {{ toJson . }}}
{{- end }}
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    rate_limit_settings: {}
    grpc_services:
    - envoy_grpc:
        cluster_name: {{ include "k8sgateway.bootstrap.xdsName" . | quote }}
        # Envoy's own pause grows to half a minute.
        retry_policy: {retry_back_off: {base_interval: 0.25s, max_interval: 5s}}
  # No limit of time: a proxy is not ready before it has its configuration.
  cds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
  lds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
static_resources:
  listeners:
  {{- include "k8sgateway.bootstrap.listeners" . | nindent 2 }}
  clusters:
  {{- include "k8sgateway.bootstrap.clusters" . | nindent 2 }}
{{- end -}}

{{- define "k8sgateway.bootstrap.runtime" -}}
{{- $layer := dict "upstream.healthy_panic_threshold" .spec.healthyPanicThreshold -}}
{{- include "k8sgateway.mergeInto" (dict "into" $layer "from" .spec.customStaticLayer) -}}
{{- toYaml $layer -}}
{{- end -}}

{{- define "k8sgateway.bootstrap.overload" -}}
{{- $extra := .spec.envoyOverloadManager.enabled }}
{{- if or $extra .spec.globalDownstreamMaxConnections }}
overload_manager:
  refresh_interval: {{ .spec.envoyOverloadManager.refreshInterval }}
  resource_monitors:
  {{- with .spec.globalDownstreamMaxConnections }}
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
      max_active_downstream_connections: {{ . | int64 }}
  {{- end }}
  {{- if $extra }}
  {{- with .spec.envoyOverloadManager.resourceMonitors }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .spec.envoyOverloadManager.actions }}
  actions: {{ toJson . }}
  {{- end }}
  {{- with .spec.envoyOverloadManager.bufferFactoryConfig }}
  buffer_factory_config: {{ toJson . }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* (list HOST PORT) */}}
{{- define "k8sgateway.address" -}}
{socket_address: {address: {{ index . 0 | quote }}, port_value: {{ index . 1 | int64 }}}}
{{- end -}}

{{- define "k8sgateway.bootstrap.listeners" -}}
{{- $stats := .stats -}}
{{- $routes := list (dict "path" "/ready" "exact" true) -}}
{{- if $stats.enabled -}}
  {{- $routes = append $routes (dict "path" "/metrics" "rewrite" $stats.routePrefixRewrite) -}}
  {{- if $stats.enableStatsRoute -}}
    {{- $routes = append $routes (dict "path" "/stats" "rewrite" $stats.statsPrefixRewrite) -}}
  {{- end -}}
{{- end -}}
{{- $any := include "k8sgateway.proxy.anyAddress" . -}}
{{ include "k8sgateway.bootstrap.listener" (dict "name" "prometheus_listener" "prefix" "prometheus" "address" $any "port" 8081 "routes" $routes) }}
{{- if .spec.readConfig }}
{{- $routes := list (dict "path" "/ready") (dict "path" "/stats") (dict "path" "/config_dump") (dict "path" "/clusters") }}
{{ include "k8sgateway.bootstrap.listener" (dict "name" "read_config_listener" "prefix" "read_config" "address" $any "port" 8082 "routes" $routes) }}
{{- end }}
{{- end -}}

{{/* (dict name, prefix, address, port, routes): a listener that leads a few GETs to the admin pages. */}}
{{- define "k8sgateway.bootstrap.listener" -}}
- name: {{ .name }}
  ignore_global_conn_limit: true
  address: {socket_address: {address: {{ .address }}, port_value: {{ .port }}{{ if ne .address "0.0.0.0" }}, ipv4_compat: true{{ end }}}}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        codec_type: AUTO
        stat_prefix: {{ .prefix }}
        # As the admin pages do, which would else find others of them below /metrics/..
        normalize_path: true
        path_with_escaped_slashes_action: REJECT_REQUEST
        http_filters:
        - name: envoy.filters.http.router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
        route_config:
          name: {{ .prefix }}_route
          virtual_hosts:
          - name: {{ .prefix }}_host
            domains: ["*"]
            routes:
            {{- range .routes }}
            - match:
                {{ ternary "path" "prefix" (hasKey . "exact") }}: {{ .path }}
                headers: [{name: ":method", string_match: {exact: GET}}]
              route: {cluster: admin_port_cluster{{ with .rewrite }}, prefix_rewrite: {{ . | quote }}{{ end }}}
            {{- end }}
{{- end -}}

{{/* As published, with host and port in the name. */}}
{{- define "k8sgateway.bootstrap.xdsName" -}}
{{ include "k8sgateway.bootstrap.xdsHost" . }}:{{ include "k8sgateway.bootstrap.xdsPort" . }}
{{- end -}}

{{- define "k8sgateway.bootstrap.glooHost" -}}
gloo.{{ .root.Release.Namespace }}.svc.{{ .root.Values.k8s.clusterName }}
{{- end -}}

{{- define "k8sgateway.bootstrap.xdsHost" -}}
{{ .spec.xdsServiceAddress | default (include "k8sgateway.bootstrap.glooHost" .) }}
{{- end -}}

{{- define "k8sgateway.bootstrap.xdsPort" -}}
{{ .spec.xdsServicePort | default .root.Values.gloo.deployment.xdsPort | int64 }}
{{- end -}}

{{- define "k8sgateway.bootstrap.clusters" -}}
{{- $gloo := include "k8sgateway.bootstrap.xdsHost" . -}}
{{- $keepalive := .spec.tcpKeepaliveTimeSeconds -}}
{{- $xds := include "k8sgateway.bootstrap.xdsName" . -}}
{{ include "k8sgateway.bootstrap.cluster" (dict "proxy" . "name" $xds "host" $gloo "port" (include "k8sgateway.bootstrap.xdsPort" .) "http2" true "keepalive" $keepalive "toXds" true "stat" "xds_cluster") }}
{{ include "k8sgateway.bootstrap.cluster" (dict "proxy" . "name" "rest_xds_cluster" "host" $gloo "port" .root.Values.gloo.deployment.restXdsPort "http2" false "keepalive" $keepalive "toXds" true) }}
{{ include "k8sgateway.bootstrap.cluster" (dict "proxy" . "name" "wasm-cache" "host" (include "k8sgateway.bootstrap.glooHost" .) "port" 9979 "http2" false) }}
- name: admin_port_cluster
  type: STATIC
  connect_timeout: 5s
  load_assignment:
    cluster_name: admin_port_cluster
    endpoints:
    - lb_endpoints:
      - endpoint: {address: {{ include "k8sgateway.address" (list .spec.loopBackAddress 19000) }}}
{{- if .root.Values.accessLogger.enabled }}
{{- $host := printf "access-log.%s.svc.%s" .root.Release.Namespace .root.Values.k8s.clusterName }}
{{ include "k8sgateway.bootstrap.cluster" (dict "proxy" . "name" "access_log_cluster" "host" $host "port" .root.Values.accessLogger.port "http2" true "mtls" true) }}
{{- end }}
{{- with (.spec.tracing).cluster }}
{{ toYaml . }}
{{- end }}
{{- with .spec.envoyStaticClusters }}
{{ toYaml . }}
{{- end }}
{{- with include "k8sgateway.proxy.clusters" . }}
{{ . }}
{{- end }}
{{- end -}}

{{/* (dict proxy, name, host, port, http2, keepalive, toXds, mtls, stat): a Service by its name. */}}
{{- define "k8sgateway.bootstrap.cluster" -}}
- name: {{ .name | quote }}
  {{- with .stat }}
  alt_stat_name: {{ . }}
  {{- end }}
  connect_timeout: 5s
  cluster_type: {{- include "k8sgateway.bootstrap.dns" .proxy | nindent 4 }}
  load_assignment:
    cluster_name: {{ .name | quote }}
    endpoints:
    - lb_endpoints:
      - endpoint: {address: {{ include "k8sgateway.address" (list .host .port) }}}
  {{- with .keepalive }}
  upstream_connection_options: {tcp_keepalive: {keepalive_time: {{ . | int64 }}}}
  {{- end }}
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config:
        {{- if .http2 }}
        # A control plane that is gone without a word is left after so long.
        http2_protocol_options: {connection_keepalive: {interval: 10s, timeout: 5s}}
        {{- else }}
        http_protocol_options: {}
        {{- end }}
      {{- if and .toXds .proxy.root.Values.global.xdsAuth.enabled }}
      http_filters: {{- include "k8sgateway.bootstrap.showToken" . | nindent 6 }}
      {{- end }}
  {{- if or .toXds .mtls }}
  {{- with include "k8sgateway.xdsTransportSocket" (dict "proxy" .proxy "http2" .http2) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "k8sgateway.bootstrap.dns" -}}
name: envoy.clusters.dns
typed_config:
  "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
  respect_dns_ttl: true
  {{- if .root.Values.settings.ipV4Only }}
  dns_lookup_family: V4_ONLY
  {{- end }}
{{- end -}}

{{- define "k8sgateway.bootstrap.showToken" -}}
- name: envoy.filters.http.credential_injector
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
    overwrite: true
    credential:
      name: envoy.http.injected_credentials.generic
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
        header: authorization
        header_value_prefix: "Bearer "
        credential:
          name: xds-token
          sds_config:
            resource_api_version: V3
            path_config_source:
              path: /etc/envoy/xds-token.yaml
              watched_directory: {path: /var/run/secrets/k8sgateway}
- name: envoy.filters.http.upstream_codec
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}
{{- end -}}
