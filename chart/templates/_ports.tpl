{{/* Ports of one pod: no two parts may have the same, on whatever address. */}}

{{/*
Ports on loopback that the parts of a pod with a sidecar have, as JSON: what stands behind it (xds, rest, accessLog), its
admin pages, and the server of certificates.
*/}}
{{- define "k8sgateway.mtls.inner" -}}
{"xds": 9999, "rest": 9998, "accessLog": 8084, "admin": 8081, "sds": 8234}
{{- end -}}

{{/*
(list PORT...), each (list WHAT PORT): what nobody chooses first, then values by their names. The sidecar listens on all
addresses, so a port that others have on loopback is taken, too.
*/}}
{{- define "k8sgateway.checkPorts" -}}
{{- $taken := dict -}}
{{- range . -}}
  {{- $what := index . 0 -}}{{- $port := index . 1 | int64 | toString -}}
  {{- with get $taken $port -}}
    {{- fail (printf "%s: the port %s is that of %s in the same pod: choose another" $what $port .) -}}
  {{- end -}}
  {{- $_ := set $taken $port $what -}}
{{- end -}}
{{- end -}}

{{/* (dict "behind" LIST): what a sidecar brings into a pod; `behind` has names of mtls.inner. As JSON. */}}
{{- define "k8sgateway.mtls.innerPorts" -}}
{{- $inner := include "k8sgateway.mtls.inner" . | fromJson -}}
{{- $ports := list (list "the admin pages of the sidecar of mTLS" $inner.admin) (list "the certificates of mTLS" $inner.sds) -}}
{{- range .behind -}}
  {{- $ports = append $ports (list "what stands behind the sidecar of mTLS" (get $inner .)) -}}
{{- end -}}
{{- toJson $ports -}}
{{- end -}}

{{- define "k8sgateway.gloo.checkPorts" -}}
{{- $d := .Values.gloo.deployment -}}
{{- $stats := dict -}}{{- include "k8sgateway.stats" (dict "root" . "stats" $d.stats "into" $stats) -}}
{{- $ports := list (list "health" 8765) (list "the admin pages of gloo" 9095) (list "WASM modules" 9979) -}}
{{- if $stats.enabled -}}{{- $ports = append $ports (list "metrics" 9091) -}}{{- end -}}
{{- if and .Values.gateway.enabled .Values.gateway.validation.enabled -}}{{- $ports = append $ports (list "the webhook" 8443) -}}{{- end -}}
{{- if .Values.global.glooMtls.enabled -}}
  {{- $ports = concat $ports (include "k8sgateway.mtls.innerPorts" (dict "behind" (list "xds" "rest")) | fromJsonArray) -}}
{{- end -}}
{{- range $name := list "xdsPort" "restXdsPort" "validationPort" "proxyDebugPort" -}}
  {{- $ports = append $ports (list (printf "gloo.deployment.%s" $name) (get $d $name)) -}}
{{- end -}}
{{- include "k8sgateway.checkPorts" $ports -}}
{{- end -}}

{{- define "k8sgateway.accessLog.checkPorts" -}}
{{- $stats := dict -}}{{- include "k8sgateway.stats" (dict "root" . "stats" .Values.accessLogger.stats "into" $stats) -}}
{{- $ports := list -}}
{{- if $stats.enabled -}}{{- $ports = append $ports (list "metrics" 9091) -}}{{- end -}}
{{- if include "k8sgateway.mtls.accessLog" . -}}
  {{- $ports = concat $ports (include "k8sgateway.mtls.innerPorts" (dict "behind" (list "accessLog")) | fromJsonArray) -}}
{{- end -}}
{{- include "k8sgateway.checkPorts" (append $ports (list "accessLogger.port" .Values.accessLogger.port)) -}}
{{- end -}}

{{/* Of a server of a user, in whose pod the chart knows its sidecar alone. */}}
{{- define "k8sgateway.mtls.server.checkPorts" -}}
{{- $ports := include "k8sgateway.mtls.innerPorts" (dict "behind" list) | fromJsonArray -}}
{{- range $name := list "port" "localPort" -}}
  {{- $ports = append $ports (list (printf "global.glooMtls.servers: %s of %s" $name $.name) (get $ $name)) -}}
{{- end -}}
{{- include "k8sgateway.checkPorts" $ports -}}
{{- end -}}

{{/* Of a proxy, of which (_proxies.tpl) is the context. */}}
{{- define "k8sgateway.proxy.checkPorts" -}}
{{- $spec := .spec -}}{{- $pod := $spec.podTemplate -}}
{{- $values := printf "gatewayProxies: the proxy %s: " .name -}}
{{- $ports := list (list "metrics and readiness" 8081) -}}
{{- if $spec.readConfig -}}{{- $ports = append $ports (list "readConfig" 8082) -}}{{- end -}}
{{- if and .root.Values.global.glooMtls.enabled (not .sdsSocket) -}}
  {{- $ports = append $ports (list "the certificates of mTLS" (include "k8sgateway.mtls.inner" . | fromJson).sds) -}}
{{- end -}}
{{- $listened := list (list "podTemplate.httpPort" $pod.httpPort) (list "podTemplate.httpsPort" $pod.httpsPort) -}}
{{- if $spec.failover.enabled -}}{{- $listened = append $listened (list "failover.port" $spec.failover.port) -}}{{- end -}}
{{- range $listened -}}{{- $ports = append $ports (list (print $values (index . 0)) (index . 1)) -}}{{- end -}}
{{- /* A bootstrap of users has its admin pages wherever it says. extraPorts are names, and listen to nobody. */ -}}
{{- if not $spec.configMap.data -}}{{- $ports = prepend $ports (list "Envoy's admin pages" 19000) -}}{{- end -}}
{{- include "k8sgateway.checkPorts" $ports -}}
{{- end -}}
