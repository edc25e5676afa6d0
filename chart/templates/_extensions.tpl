{{/*
Where mTLS adds its parts. Each template is empty without global.glooMtls.enabled; contexts: gloo has the root, proxies
have what _proxies.tpl says.
*/}}

{{/* Containers of the pod of gloo, and its volumes: YAML lists. */}}
{{- define "k8sgateway.gloo.sidecars" -}}{{- end -}}
{{- define "k8sgateway.gloo.volumes" -}}{{- end -}}

{{/* Containers of the pod of a proxy, and its volumes: YAML lists. */}}
{{- define "k8sgateway.proxy.sidecars" -}}{{- end -}}
{{- define "k8sgateway.proxy.volumes" -}}{{- end -}}

{{/* Annotations of the pod of a proxy: a YAML map. */}}
{{- define "k8sgateway.proxy.annotations" -}}{{- end -}}

{{/* `transport_socket: ...` of the clusters that lead to gloo. */}}
{{- define "k8sgateway.xdsTransportSocket" -}}{{- end -}}

{{/* More clusters of the bootstrap: a YAML list. */}}
{{- define "k8sgateway.proxy.clusters" -}}{{- end -}}
