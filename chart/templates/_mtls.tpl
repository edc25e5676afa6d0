{{/* Mutual TLS: sidecars and volumes of pods, and their bootstraps. docs/design/mtls.md says why they are so. */}}

{{/* The name that proxies expect of gloo, in its certificate. */}}
{{- define "k8sgateway.mtls.serverName" -}}
{{- .Values.global.glooMtls.serverName | default (printf "gloo.%s.svc" .Release.Namespace) -}}
{{- end -}}

{{/* Whether certgen fills the Secret; "true" or nothing. */}}
{{- define "k8sgateway.mtls.certgen" -}}
{{- if and .Values.global.glooMtls.enabled .Values.global.glooMtls.certGen -}}true{{- end -}}
{{- end -}}

{{/* The Secret of proxies. */}}
{{- define "k8sgateway.mtls.proxySecret" -}}
{{- .Values.global.glooMtls.proxySecretName | default .Values.global.glooMtls.secretName -}}
{{- end -}}

{{/* Matchers of the names that clients may have, as JSON. */}}
{{- define "k8sgateway.mtls.clientNames" -}}
{{- $matchers := list -}}
{{- range .Values.global.glooMtls.clientNames | default (list (include "k8sgateway.mtls.serverName" .)) -}}
  {{- $kind := ternary "URI" "DNS" (contains "://" .) -}}
  {{- $matchers = append $matchers (dict "san_type" $kind "matcher" (dict "exact" .)) -}}
{{- end -}}
{{- toJson $matchers -}}
{{- end -}}

{{/* Arguments of certgen for the Secret of mTLS. */}}
{{- define "k8sgateway.mtls.certgenArgs" -}}
- --svc-name=gloo
- --svc-namespace={{ .Release.Namespace }}
- --cluster-domain={{ .Values.k8s.clusterName }}
- --secret-name={{ .Values.global.glooMtls.secretName }}
{{- include "k8sgateway.certgenDistance" . }}
{{- end -}}

{{/*
(dict "root" ROOT "ports" LIST): the bootstrap of a sidecar. A port is a dict: name, port (outside), local (on loopback),
protocols (of ALPN), passes (bytes or requests), idleTimeout.
*/}}
{{- define "k8sgateway.mtls.bootstrap" -}}
{{- $mtls := .root.Values.global.glooMtls -}}
{{- $bind := $mtls.bindAddress | default (ternary "0.0.0.0" "::" .root.Values.settings.ipV4Only) -}}
{{- $common := dict
  "bindAddress" $bind
  "ipv4Compat" (contains ":" $bind)
  "maxConnectionDuration" $mtls.maxConnectionDuration
  "clientNames" (include "k8sgateway.mtls.clientNames" .root)
  "folder" "/etc/envoy" -}}
{{- $listeners := list -}}{{- $clusters := list -}}
{{- range .ports -}}
  {{- $listener := merge (dict "name" .name "port" (.port | int64) "protocols" (toJson .protocols) "idleTimeout" .idleTimeout) $common -}}
  {{- $_ := set $listener "filter" (include (printf "k8sgateway.mtls.%s" .passes) $listener | indent 4) -}}
  {{- $listeners = append $listeners (include "k8sgateway.mtls.listener" $listener | indent 2) -}}
  {{- $local := dict "name" .name "port" (.local | int64) "maxConnections" ($mtls.maxConnections | int64) -}}
  {{- $clusters = append $clusters (include "k8sgateway.mtls.local" $local | indent 2) -}}
{{- end -}}
{{- include "k8sgateway.mtls.sidecar" (dict
  "adminPort" (include "k8sgateway.mtls.inner" . | fromJson).admin
  "maxConnections" ($mtls.maxConnections | int64)
  "listeners" (join "\n" $listeners)
  "clusters" (join "\n" $clusters)
  "sdsAddress" (include "k8sgateway.mtls.loopbackSds" .)) -}}
{{- end -}}

{{/* Where the server of certificates listens, unless on a socket: HOST:PORT, and as Envoy has it. */}}
{{- define "k8sgateway.mtls.sdsAddress" -}}
127.0.0.1:{{ (include "k8sgateway.mtls.inner" . | fromJson).sds }}
{{- end -}}

{{- define "k8sgateway.mtls.loopbackSds" -}}
{socket_address: {address: 127.0.0.1, port_value: {{ (include "k8sgateway.mtls.inner" . | fromJson).sds }}}}
{{- end -}}

{{/* The bootstrap of the sidecar of gloo. */}}
{{- define "k8sgateway.mtls.glooBootstrap" -}}
{{- $d := .Values.gloo.deployment -}}{{- $inner := include "k8sgateway.mtls.inner" . | fromJson -}}
{{- include "k8sgateway.mtls.bootstrap" (dict "root" . "ports" (list
  (dict "name" "xds" "port" $d.xdsPort "local" $inner.xds "protocols" (list "h2") "passes" "bytes" "idleTimeout" "0s")
  (dict "name" "rest_xds" "port" $d.restXdsPort "local" $inner.rest "protocols" (list "h2" "http/1.1") "passes" "requests" "idleTimeout" "300s"))) -}}
{{- end -}}

{{/* (dict "root" ROOT "ports" LIST, each with name and port): the Envoy that ends TLS, a container. */}}
{{- define "k8sgateway.mtls.envoyContainer" -}}
{{- $mtls := .root.Values.global.glooMtls -}}
- name: envoy-sidecar
  {{- include "k8sgateway.imageFields" (list .root $mtls.envoy.image "k8sgateway-proxy") | nindent 2 }}
  command: [/usr/local/bin/k8sgateway, proxy]
  args: [--, --disable-hot-restart, --concurrency, "2", --log-level, {{ $mtls.envoy.logLevel }}, --file-flush-interval-msec, "1000"]
  env:
  - {name: ENVOY_SIDECAR, value: "true"}
  ports:
  {{- range .ports }}
  - {name: {{ .name }}, containerPort: {{ .port | int64 }}, protocol: TCP}
  {{- end }}
  # Open as soon as the certificate is there.
  readinessProbe:
    tcpSocket: {port: {{ (index .ports 0).name }}}
    periodSeconds: 2
    failureThreshold: 3
  resources: {{ toJson $mtls.envoySidecarResources }}
  securityContext: {{- include "k8sgateway.security" (list (include "k8sgateway.containerSecurity" .root) $mtls.envoy.securityContext) | nindent 4 }}
  volumeMounts:
  - {name: envoy-sidecar-config, mountPath: /etc/envoy, readOnly: true}
  - {name: mtls-tmp, mountPath: /tmp}
{{- end -}}

{{/* (dict "root" ROOT "socket" BOOL): the server of certificates beside an Envoy, a container. */}}
{{- define "k8sgateway.mtls.sdsContainer" -}}
{{- $mtls := .root.Values.global.glooMtls -}}
{{- $address := ternary "unix:/run/sds/sds.sock" (include "k8sgateway.mtls.sdsAddress" .) (not (empty .socket)) -}}
- name: sds
  {{- include "k8sgateway.imageFields" (list .root $mtls.sds.image "k8sgateway") | nindent 2 }}
  command: [/usr/local/bin/k8sgateway, sds]
  env:
  - {name: GLOO_MTLS_SDS_ENABLED, value: "true"}
  - {name: SDS_SERVER_ADDRESS, value: {{ $address | quote }}}
  - {name: LOG_LEVEL, value: {{ $mtls.sds.logLevel }}}
  # No kubelet reaches it. It may wait for certificates, so it is not asked whether it has them.
  livenessProbe:
    exec: {command: [/usr/local/bin/k8sgateway, probe, --seconds=1, "grpc://{{ $address }}"]}
    {{- include "k8sgateway.liveness" dict | nindent 4 }}
  resources: {{ toJson $mtls.sdsResources }}
  securityContext: {{- include "k8sgateway.security" (list (include "k8sgateway.containerSecurity" .root) $mtls.sds.securityContext) | nindent 4 }}
  volumeMounts:
  - {name: gloo-mtls-certs, mountPath: /etc/envoy/ssl, readOnly: true}
  {{- if .socket }}
  - {name: sds-socket, mountPath: /run/sds}
  {{- end }}
{{- end -}}

{{/* (list ROOT PART SECRET): the volume of a Secret. */}}
{{- define "k8sgateway.mtls.secretVolume" -}}
{{- $mode := include "k8sgateway.secretMode" (list (index . 0) (index . 1)) -}}
- {name: gloo-mtls-certs, secret: {secretName: {{ index . 2 }}, optional: true, defaultMode: {{ $mode }}}}
{{- end -}}

{{/* Whether the server of access logs stands behind a sidecar, too; "true" or nothing. */}}
{{- define "k8sgateway.mtls.accessLog" -}}
{{- if and .Values.global.glooMtls.enabled .Values.accessLogger.enabled -}}true{{- end -}}
{{- end -}}

{{- define "k8sgateway.mtls.accessLogBootstrap" -}}
{{- $inner := include "k8sgateway.mtls.inner" . | fromJson -}}
{{- $port := dict "name" "access_log" "port" .Values.accessLogger.port "local" $inner.accessLog "protocols" (list "h2") "passes" "bytes" "idleTimeout" "0s" -}}
{{- include "k8sgateway.mtls.bootstrap" (dict "root" . "ports" (list $port)) -}}
{{- end -}}
