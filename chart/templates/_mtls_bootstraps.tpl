{{/*
What Envoys need for mTLS. Only plain fields stand in these texts, so that the e2e tests fill in the same ones:
tests/e2e/harness/chart_texts.py. Why they are so: docs/design/mtls.md.
*/}}

{{/*
The bootstrap of a sidecar, around its listeners and the clusters of what it stands in front of, both indented by two.
*/}}
{{- define "k8sgateway.mtls.sidecar" -}}
node: {id: sds_client, cluster: sds_client}
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: {{ .adminPort }}}}
  ignore_global_conn_limit: true
overload_manager:
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
      max_active_downstream_connections: {{ .maxConnections }}
static_resources:
  listeners:
{{ .listeners }}
  clusters:
{{ .clusters }}
  - name: gloo_sds
    type: STATIC
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: gloo_sds
      endpoints:
      - lb_endpoints: [{endpoint: {address: {{ .sdsAddress }}}}]
{{- end }}

{{/*
A port of a sidecar: what is sent by those who show a certificate with one of the names goes on by a filter, indented by
four.
*/}}
{{- define "k8sgateway.mtls.listener" -}}
- name: {{ .name }}
  address: {socket_address: {address: "{{ .bindAddress }}", port_value: {{ .port }}, ipv4_compat: {{ .ipv4Compat }}}}
  per_connection_buffer_limit_bytes: 1048576
  # Who is gone is found by TCP.
  tcp_keepalive: {keepalive_time: 60, keepalive_interval: 10, keepalive_probes: 6}
  max_connections_to_accept_per_socket_event: 16
  access_log:
  - name: envoy.access_loggers.stderr
    filter:
      and_filter:
        filters:
        - extension_filter:
            name: envoy.access_loggers.extension_filters.cel
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter
              # Whoever leaves before the end, as probes do, was not refused.
              expression: >-
                connection.transport_failure_reason != '' && !connection.transport_failure_reason.contains('system library')
        # Nobody fills the log.
        - extension_filter:
            name: envoy.access_loggers.extension_filters.process_ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.filters.process_ratelimit.v3.ProcessRateLimitFilter
              dynamic_config:
                resource_name: refusals
                config_source: {resource_api_version: V3, path_config_source: {path: "{{ .folder }}/refusals.yaml"}}
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog
      log_format:
        json_format:
          refused: "%DOWNSTREAM_REMOTE_ADDRESS%"
          port: {{ .name }}
          reason: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%"
  filter_chains:
  - filters:
{{ .filter }}
    transport_socket_connect_timeout: 5s
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
        require_client_certificate: true
        # Each connection proves itself anew: what was trusted before a rotation is not resumed after it.
        disable_stateless_session_resumption: true
        disable_stateful_session_resumption: true
        common_tls_context:
          alpn_protocols: {{ .protocols }}
          tls_params:
            tls_minimum_protocol_version: TLSv1_2
            tls_maximum_protocol_version: TLSv1_3
            cipher_suites: [ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256, ECDHE-ECDSA-AES256-GCM-SHA384,
              ECDHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-CHACHA20-POLY1305, ECDHE-RSA-CHACHA20-POLY1305]
          tls_certificate_sds_secret_configs:
          - name: server_cert
            # The port opens when the certificate is there.
            sds_config:
              resource_api_version: V3
              initial_fetch_timeout: 0s
              api_config_source:
                api_type: GRPC
                transport_api_version: V3
                grpc_services: [{envoy_grpc: {cluster_name: gloo_sds}}]
          combined_validation_context:
            default_validation_context:
              match_typed_subject_alt_names: {{ .clientNames }}
            validation_context_sds_secret_config:
              name: validation_context
              sds_config:
                resource_api_version: V3
                initial_fetch_timeout: 0s
                api_config_source:
                  api_type: GRPC
                  transport_api_version: V3
                  grpc_services: [{envoy_grpc: {cluster_name: gloo_sds}}]
{{- end }}

{{/*
The filter of a port whose bytes go on as they are, to the cluster of the same name.
*/}}
{{- define "k8sgateway.mtls.bytes" -}}
- name: envoy.filters.network.tcp_proxy
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
    stat_prefix: {{ .name }}
    cluster: {{ .name }}
    idle_timeout: {{ .idleTimeout }}
    max_downstream_connection_duration: {{ .maxConnectionDuration }}
    max_downstream_connection_duration_jitter_percentage: {value: 50}
    # Who has not proved who they are connects to nobody behind.
    upstream_connect_mode: ON_DOWNSTREAM_TLS_HANDSHAKE
    max_early_data_bytes: 16384
{{- end }}

{{/*
The filter of a port whose requests, of HTTP/2 or HTTP/1.1, go on in HTTP/1.1 to the cluster of the same name.
*/}}
{{- define "k8sgateway.mtls.requests" -}}
- name: envoy.filters.network.http_connection_manager
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
    stat_prefix: {{ .name }}
    common_http_protocol_options: {idle_timeout: {{ .idleTimeout }}, max_connection_duration: {{ .maxConnectionDuration }}}
    http1_safe_max_connection_duration: true
    http2_protocol_options:
      max_concurrent_streams: 16
      initial_stream_window_size: 65536
      initial_connection_window_size: 1048576
    request_headers_timeout: 10s
    request_timeout: 15s
    stream_idle_timeout: 120s
    skip_xff_append: true
    generate_request_id: false
    server_header_transformation: PASS_THROUGH
    route_config:
      virtual_hosts:
      - name: {{ .name }}
        domains: ["*"]
        routes:
        - match: {prefix: /}
          route:
            cluster: {{ .name }}
            # The answer may be long, and its reader slow: who reads nothing is ended by the idle timeout.
            timeout: 0s
            # A question may be asked twice: gloo may end a kept connection at the moment of the first.
            retry_policy: {retry_on: "connect-failure,reset", num_retries: 1}
    http_filters:
    - name: envoy.filters.http.router
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
        suppress_envoy_headers: true
{{- end }}

{{/*
What a sidecar stands in front of, on loopback.
*/}}
{{- define "k8sgateway.mtls.local" -}}
- name: {{ .name }}
  type: STATIC
  connect_timeout: 2s
  circuit_breakers:
    thresholds:
    - max_connections: {{ .maxConnections }}
      max_pending_requests: {{ .maxConnections }}
      max_requests: {{ .maxConnections }}
      max_retries: {{ .maxConnections }}
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: {http_protocol_options: {}}
      # Of requests, not of bytes: before the server behind ends a connection that nobody uses.
      common_http_protocol_options: {idle_timeout: 60s}
  load_assignment:
    cluster_name: {{ .name }}
    endpoints:
    - lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{ .port }}}}}}]
{{- end }}

{{/*
How many refusals a sidecar logs: it reads this beside its bootstrap.
*/}}
{{- define "k8sgateway.mtls.refusals" -}}
resources:
- "@type": type.googleapis.com/envoy.service.discovery.v3.Resource
  name: refusals
  resource:
    "@type": type.googleapis.com/envoy.type.v3.TokenBucket
    max_tokens: 20
    tokens_per_fill: 1
    fill_interval: 1s
{{- end }}

{{/*
How a proxy connects to a sidecar: the transport socket of a cluster.
*/}}
{{- define "k8sgateway.mtls.transportSocket" -}}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {{ .serverName }}
    max_session_keys: 0
    common_tls_context:
      alpn_protocols: ["{{ .protocol }}"]
      tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3}
      tls_certificate_sds_secret_configs:
      - name: server_cert
        sds_config:
          resource_api_version: V3
          api_config_source:
            api_type: GRPC
            transport_api_version: V3
            grpc_services: [{envoy_grpc: {cluster_name: gateway_proxy_sds}}]
      combined_validation_context:
        default_validation_context:
          match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: {{ .serverName }}}}]
        validation_context_sds_secret_config:
          name: validation_context
          sds_config:
            resource_api_version: V3
            api_config_source:
              api_type: GRPC
              transport_api_version: V3
              grpc_services: [{envoy_grpc: {cluster_name: gateway_proxy_sds}}]
{{- end }}

{{/*
Where a proxy gets its certificate from: one more of its clusters.
*/}}
{{- define "k8sgateway.mtls.sdsCluster" -}}
- name: gateway_proxy_sds
  type: STATIC
  connect_timeout: 2s
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: {http2_protocol_options: {}}
  load_assignment:
    cluster_name: gateway_proxy_sds
    endpoints:
    - lb_endpoints: [{endpoint: {address: {{ .sdsAddress }}}}]
{{- end }}
