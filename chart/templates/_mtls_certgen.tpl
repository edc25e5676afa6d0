{{/*
What certgen can be left to do. It fills one Secret, in one namespace, and renews it with an authority whose key it forgets.
So all that speak to each other must have that Secret itself: a copy, and a pair of another authority, are good until it is
renewed at most, also in the hands of proxies that proxySecretName gives their own.
*/}}
{{- define "k8sgateway.mtls.checkCertgen" -}}
{{- if include "k8sgateway.mtls.certgen" . -}}
{{- $mtls := .Values.global.glooMtls -}}
{{- $alone := printf "and certgen fills, and renews, the Secret %s in %s alone" $mtls.secretName .Release.Namespace -}}
{{- $bring := "set global.glooMtls.certGen to false, and bring the Secrets, by other names (Helm deletes its own)" -}}
{{- if ne ($mtls.proxySecretName | default $mtls.secretName) $mtls.secretName -}}
  {{- fail (printf "global.glooMtls.proxySecretName is %s, %s, which trusts no pair of others: leave it away, or %s" $mtls.proxySecretName $alone $bring) -}}
{{- end -}}
{{- $proxies := dict -}}{{- include "k8sgateway.proxies" (dict "root" . "into" $proxies) -}}
{{- range $name, $proxy := $proxies -}}
  {{- if ne $proxy.namespace $.Release.Namespace -}}
    {{- fail (printf "the proxy %s runs in the namespace %s, %s: %s" $name $proxy.namespace $alone $bring) -}}
  {{- end -}}
{{- end -}}
{{- range $server := $mtls.servers -}}
  {{- if ne ($server.namespace | default $.Release.Namespace) $.Release.Namespace -}}
    {{- fail (printf "global.glooMtls.servers: %s runs in the namespace %s, %s: %s" $server.name $server.namespace $alone $bring) -}}
  {{- end -}}
  {{- if ne ($server.secretName | default $mtls.secretName) $mtls.secretName -}}
    {{- fail (printf "global.glooMtls.servers: %s has the Secret %s, %s, and proxies trust no other: leave its secretName away, or %s" $server.name $server.secretName $alone $bring) -}}
  {{- end -}}
{{- end -}}
{{- include "k8sgateway.mtls.checkNames" . -}}
{{- end -}}
{{- end -}}

{{/* Its certificate has four names, those of the Service of gloo. */}}
{{- define "k8sgateway.mtls.checkNames" -}}
{{- $mtls := .Values.global.glooMtls -}}
{{- $service := printf "gloo.%s.svc" .Release.Namespace -}}
{{- $names := list "gloo" (printf "gloo.%s" .Release.Namespace) $service (printf "%s.%s" $service .Values.k8s.clusterName) -}}
{{- $said := list (list "global.glooMtls.serverName" $mtls.serverName) -}}
{{- range $mtls.servers -}}
  {{- $said = append $said (list (printf "global.glooMtls.servers: serverName of %s" .name) (.serverName | default "")) -}}
{{- end -}}
{{- /* Of clientNames one is enough. */ -}}
{{- $others := $mtls.clientNames -}}
{{- range $names -}}{{- if has . $mtls.clientNames -}}{{- $others = list -}}{{- end -}}{{- end -}}
{{- with $others -}}{{- $said = append $said (list "global.glooMtls.clientNames" (join ", " .)) -}}{{- end -}}
{{- range $said -}}
  {{- if and (index . 1) (not (has (index . 1) $names)) -}}
    {{- fail (printf "%s: %s is no name in the certificate that certgen makes: leave it away, or set global.glooMtls.certGen to false, and bring the Secrets, by other names (Helm deletes its own)" (index . 0) (index . 1)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
