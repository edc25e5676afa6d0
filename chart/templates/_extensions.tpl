{{/*
Where mTLS adds its parts. Each template is empty without global.glooMtls.enabled; contexts: gloo has the root, proxies
have what _proxies.tpl says.
*/}}

{{/* Init containers of the pod of gloo, containers, annotations and volumes: YAML lists and a map. */}}
{{- define "k8sgateway.gloo.initContainers" -}}
{{- if include "k8sgateway.mtls.certgen" . -}}
# The first certificate of mTLS, as that of the webhook.
- name: mtls-certgen
  {{- include "k8sgateway.imageFields" (list . .Values.gateway.certGenJob.image "k8sgateway") | nindent 2 }}
  command: [/usr/local/bin/k8sgateway, certgen]
  args: {{- include "k8sgateway.mtls.certgenArgs" . | nindent 2 }}
  env: {{- include "k8sgateway.podEnv" . | nindent 2 }}
  resources: {{ toJson .Values.gateway.certGenJob.resources }}
  securityContext: {{- include "k8sgateway.security" (list (include "k8sgateway.containerSecurity" .) .Values.gateway.certGenJob.containerSecurityContext) | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "k8sgateway.gloo.sidecars" -}}
{{- if .Values.global.glooMtls.enabled -}}
{{- $d := .Values.gloo.deployment -}}
{{- $ports := list (dict "name" "grpc-xds" "port" $d.xdsPort) (dict "name" "rest-xds" "port" $d.restXdsPort) -}}
{{ include "k8sgateway.mtls.envoyContainer" (dict "root" . "ports" $ports) }}
{{ include "k8sgateway.mtls.sdsContainer" (dict "root" .) }}
{{- end -}}
{{- end -}}

{{- define "k8sgateway.gloo.annotations" -}}
{{- if .Values.global.glooMtls.enabled -}}
checksum/envoy-sidecar: {{ include "k8sgateway.mtls.glooBootstrap" . | sha256sum }}
{{- end -}}
{{- end -}}

{{- define "k8sgateway.gloo.volumes" -}}
{{- if .Values.global.glooMtls.enabled -}}
{{ include "k8sgateway.mtls.secretVolume" (list . .Values.gloo.deployment .Values.global.glooMtls.secretName) }}
- {name: envoy-sidecar-config, configMap: {name: envoy-sidecar-config}}
- {name: mtls-tmp, emptyDir: {}}
# For gloo, which tells when it ends: without the key.
- name: mtls-certificate
  secret:
    secretName: {{ .Values.global.glooMtls.secretName }}
    optional: true
    defaultMode: {{ include "k8sgateway.secretMode" (list . .Values.gloo.deployment) }}
    items: [{key: tls.crt, path: tls.crt}, {key: ca.crt, path: ca.crt}]
{{- end -}}
{{- end -}}

{{/* Containers of the pod of a proxy, its volumes, and what Envoy mounts: YAML lists. */}}
{{- define "k8sgateway.proxy.sidecars" -}}
{{- if .root.Values.global.glooMtls.enabled -}}
{{ include "k8sgateway.mtls.sdsContainer" (dict "root" .root "socket" .sdsSocket) }}
{{- end -}}
{{- end -}}

{{- define "k8sgateway.proxy.volumes" -}}
{{- if .root.Values.global.glooMtls.enabled -}}
{{ include "k8sgateway.mtls.secretVolume" (list .root .spec.podTemplate (include "k8sgateway.mtls.proxySecret" .root)) }}
{{- if .sdsSocket }}
- {name: sds-socket, emptyDir: {medium: Memory}}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "k8sgateway.proxy.volumeMounts" -}}
{{- if and .root.Values.global.glooMtls.enabled .sdsSocket -}}
- {name: sds-socket, mountPath: /run/sds}
{{- end -}}
{{- end -}}

{{/* (dict "proxy" PROXY "http2" BOOL): `transport_socket: ...` of a cluster that leads to gloo. */}}
{{- define "k8sgateway.xdsTransportSocket" -}}
{{- if .proxy.root.Values.global.glooMtls.enabled -}}
{{ include "k8sgateway.mtls.transportSocket" (dict "serverName" (include "k8sgateway.mtls.serverName" .proxy.root) "protocol" (ternary "h2" "http/1.1" .http2)) }}
{{- end -}}
{{- end -}}

{{/* More clusters of the bootstrap: a YAML list. */}}
{{- define "k8sgateway.proxy.clusters" -}}
{{- if .root.Values.global.glooMtls.enabled -}}
{{- $address := include "k8sgateway.mtls.loopbackSds" . -}}
{{- if .sdsSocket -}}
{{- $address = "{pipe: {path: /run/sds/sds.sock}}" -}}
{{- end -}}
{{ include "k8sgateway.mtls.sdsCluster" (dict "sdsAddress" $address) }}
{{- end -}}
{{- end -}}
