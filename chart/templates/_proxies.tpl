{{/*
(dict "root" ROOT "into" DICT): each proxy by its name, as the context of its templates:
  root       the chart
  name       of the proxy and its objects, such as gateway-proxy
  namespace  of its objects
  spec       its values, complete: those of gatewayProxy, but for what it says itself
  stats      its stats, complete
  hostNetwork  whether it is in the network of its node
  sdsSocket  whether its SDS listens on a socket that only the pod has, and not on loopback as published: in the network of
             a node others are on loopback, too
*/}}
{{- define "k8sgateway.proxies" -}}
{{- $root := .root -}}{{- $into := .into -}}
{{- $empty := ($root.Files.Get "files/empty.json" | fromJson).gatewayProxies.gatewayProxy -}}
{{- if $root.Values.gateway.enabled -}}
{{- range $key, $own := $root.Values.gatewayProxies -}}
  {{- if not (get ($own | default dict) "disabled") -}}
    {{- $name := kebabcase $key -}}
    {{- $spec := deepCopy ($root.Values.gatewayProxies.gatewayProxy | default dict) -}}
    {{- if ne $key "gatewayProxy" -}}
      {{- /* Two Services of one name would be one. */ -}}
      {{- with $spec.service }}{{- $_ := unset . "name" }}{{- end -}}
      {{- include "k8sgateway.mergeInto" (dict "into" $spec "from" (deepCopy ($own | default dict))) -}}
    {{- end -}}
    {{- include "k8sgateway.fill" (dict "into" $spec "from" $empty) -}}
    {{- if eq $spec.kind.workloadType "Deployment" -}}
      {{- $_ := set $spec.kind "daemonSet" dict -}}
    {{- else if and (eq $spec.kind.workloadType "DaemonSet") (not $spec.kind.daemonSet) -}}
      {{- $_ := set $spec.kind "daemonSet" (dict "hostPort" false) -}}
    {{- end -}}
    {{- $stats := dict -}}
    {{- include "k8sgateway.stats" (dict "root" $root "stats" $spec.stats "into" $stats) -}}
    {{- $hostNetwork := dig "hostNetwork" false $spec.kind.daemonSet -}}
    {{- $namespace := $spec.namespace | default $root.Release.Namespace -}}
    {{- if hasKey $into $name -}}{{- fail (printf "gatewayProxies: two of them have the name %s" $name) -}}{{- end -}}
    {{- $_ := set $into $name (dict "root" $root "name" $name "namespace" $namespace "spec" $spec "stats" $stats "hostNetwork" $hostNetwork "sdsSocket" $hostNetwork) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels of the objects of a proxy. */}}
{{- define "k8sgateway.proxy.labels" -}}
{{ include "k8sgateway.labels" (list .root .name) }}
gateway-proxy-id: {{ .name }}
{{- end -}}

{{- define "k8sgateway.proxy.selector" -}}
gateway-proxy: live
gateway-proxy-id: {{ .name }}
{{- end -}}

{{/* Where Envoy's own listeners, and the default Gateways, listen. */}}
{{- define "k8sgateway.proxy.anyAddress" -}}
{{- if or .spec.gatewaySettings.ipv4Only .root.Values.settings.ipV4Only -}}0.0.0.0{{- else -}}"::"{{- end -}}
{{- end -}}
