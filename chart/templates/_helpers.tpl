{{/* How objects are rendered. Each template names an object by `k8sgateway.object`, which merges kubeResourceOverride into it. */}}

{{/* into, from: merges deeply, in place; what `from` says counts, false and 0 too (Sprig's merge would skip those). */}}
{{- define "k8sgateway.mergeInto" -}}
{{- range $key, $value := .from -}}
  {{- $there := get $.into $key -}}
  {{- if and (kindIs "map" $value) (kindIs "map" $there) -}}
    {{- include "k8sgateway.mergeInto" (dict "into" $there "from" $value) -}}
  {{- else -}}
    {{- $_ := set $.into $key $value -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Values as all templates expect them, which begin with this: null takes a value away in Helm, and what files/empty.json has
stands in its place. Of proxies, _proxies.tpl does that.
*/}}
{{- define "k8sgateway.begin" -}}
{{- $empty := .Files.Get "files/empty.json" | fromJson -}}
{{- include "k8sgateway.fill" (dict "into" .Values "from" (omit $empty "gatewayProxies")) -}}
{{- end -}}

{{/* into, from: what is missing or null in `into` is as in `from`. */}}
{{- define "k8sgateway.fill" -}}
{{- range $key, $value := .from -}}
  {{- $there := index $.into $key -}}
  {{- if kindIs "invalid" $there -}}
    {{- $_ := set $.into $key (deepCopy $value) -}}
  {{- else if kindIs "map" $value -}}
    {{- include "k8sgateway.fill" (dict "into" $there "from" $value) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* (list CONTEXT TEMPLATE OVERRIDE): one object, with sorted keys. */}}
{{- define "k8sgateway.object" -}}
{{- $text := include (index . 1) (index . 0) -}}
{{- $object := fromYaml $text -}}
{{- if hasKey $object "Error" -}}
  {{- fail (printf "%s is no YAML: %s\n%s" (index . 1) $object.Error $text) -}}
{{- end -}}
{{- include "k8sgateway.mergeInto" (dict "into" $object "from" (index . 2)) }}
---
{{ toYaml $object }}
{{ end -}}

{{/* MAP: labels, annotations or the like, all of them strings: a YAML map. Null takes one back. */}}
{{- define "k8sgateway.texts" -}}
{{- $texts := dict -}}
{{- range $key, $value := . -}}
  {{- if kindIs "string" $value -}}
    {{- $_ := set $texts $key $value -}}
  {{- else if not (kindIs "invalid" $value) -}}
    {{- /* As JSON, for numbers without an exponent. */ -}}
    {{- $_ := set $texts $key (toJson $value) -}}
  {{- end -}}
{{- end -}}
{{- with $texts }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "k8sgateway.namespace" -}}{{ .Release.Namespace }}{{- end -}}

{{/* End of the names of objects of the cluster, so that installations do not meet. */}}
{{- define "k8sgateway.suffix" -}}
{{- .Values.global.glooRbac.nameSuffix | default .Release.Namespace -}}
{{- end -}}

{{/* (list ROOT COMPONENT): labels of every object. */}}
{{- define "k8sgateway.labels" -}}
{{- $root := index . 0 -}}
app: gloo
gloo: {{ index . 1 }}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/part-of: k8sgateway
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with include "k8sgateway.texts" $root.Values.global.additionalLabels }}
{{ . }}
{{- end }}
{{- end -}}

{{/* (list ROOT COMPONENT): labels of pods; no version in them, so that an upgrade of the chart alone restarts nothing. */}}
{{- define "k8sgateway.podLabels" -}}
{{- $root := index . 0 -}}
gloo: {{ index . 1 }}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/part-of: k8sgateway
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with include "k8sgateway.noIstio" $root }}
{{ . }}
{{- end }}
{{- with include "k8sgateway.texts" $root.Values.global.additionalLabels }}
{{ . }}
{{- end }}
{{- end -}}

{{/* A label of pods. */}}
{{- define "k8sgateway.noIstio" -}}
{{- if .Values.global.istioIntegration.disableAutoinjection }}sidecar.istio.io/inject: "false"{{- end -}}
{{- end -}}

{{/* (list ROOT IMAGE REPOSITORY): the reference of an image. */}}
{{- define "k8sgateway.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- $name := printf "%s/%s" ($image.registry | default $root.Values.global.image.registry) ($image.repository | default (index . 2)) -}}
{{- if and $image.digest (not (or $image.disableDigest $root.Values.global.image.disableDigest)) -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default $root.Values.global.image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* (list ROOT IMAGE REPOSITORY): image and imagePullPolicy of a container. */}}
{{- define "k8sgateway.imageFields" -}}
image: {{ include "k8sgateway.image" . | quote }}
imagePullPolicy: {{ (index . 1).pullPolicy | default (index . 0).Values.global.image.pullPolicy }}
{{- end -}}

{{/* (list ROOT IMAGES): imagePullSecrets of a pod with these images. */}}
{{- define "k8sgateway.pullSecrets" -}}
{{- $secrets := list -}}
{{- range prepend (index . 1) (index . 0).Values.global.image -}}
  {{- with .pullSecret -}}{{- $secrets = append $secrets (dict "name" .) -}}{{- end -}}
{{- end -}}
{{- with $secrets | uniq -}}
imagePullSecrets: {{ toJson . }}
{{- end -}}
{{- end -}}

{{/* Images of the sidecars of mTLS, as JSON. */}}
{{- define "k8sgateway.mtls.images" -}}
{{- with .Values.global.glooMtls -}}{{- toJson (ternary (list .envoy.image .sds.image) list .enabled) -}}{{- end -}}
{{- end -}}

{{/* (list ROOT PART): whether the cluster chooses user ids; "true" or nothing. */}}
{{- define "k8sgateway.floating" -}}
{{- $all := (index . 0).Values.global.securitySettings.floatingUserId -}}
{{- if ternary (index . 1).floatingUserId $all (kindIs "invalid" $all) -}}true{{- end -}}
{{- end -}}

{{/*
(list ROOT PART): securityContext of a pod, as the chart would have it. Without runUnprivileged it is root's, as the image
names another user.
*/}}
{{- define "k8sgateway.podSecurity" -}}
{{- $part := index . 1 -}}
{{- $root := and (hasKey $part "runUnprivileged") (not $part.runUnprivileged) -}}
runAsNonRoot: {{ not $root }}
{{- if not (include "k8sgateway.floating" .) }}
{{- $user := ternary 0 $part.runAsUser $root }}
{{- if not (kindIs "invalid" $user) }}
runAsUser: {{ $user | int64 }}
runAsGroup: {{ $user | int64 }}
{{- end }}
{{- with $part.fsGroup }}
fsGroup: {{ . | int64 }}
{{- end }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/*
(list ROOT PART MORE): securityContext of a pod, with what the user says of it; nothing when there is to be none. MORE,
which may be missing, is YAML that stands beside podSecurity.
*/}}
{{- define "k8sgateway.podSecurityContext" -}}
{{- $part := index . 1 -}}
{{- if dig "enablePodSecurityContext" true $part -}}
{{- $ours := include "k8sgateway.podSecurity" . -}}
{{- if gt (len .) 2 }}{{ $ours = printf "%s\n%s" $ours (index . 2) }}{{ end -}}
{{- include "k8sgateway.security" (list $ours ($part.podSecurityContext | default dict)) -}}
{{- end -}}
{{- end -}}

{{/*
(list ROOT PART): the mode of files of a Secret in a pod. They are root's and the fsGroup's; where there is no group, as
where the cluster chooses ids, all of the pod's containers may read what they mount.
*/}}
{{- define "k8sgateway.secretMode" -}}
{{- $context := include "k8sgateway.podSecurityContext" . | fromYaml -}}
{{- if $context.fsGroup -}}0440{{- else -}}0444{{- end -}}
{{- end -}}

{{/*
(list DEFAULT OWN), the first as YAML: what a user says stands in the place of a securityContext, or is merged into it
with `mergePolicy: helm-merge`.
*/}}
{{- define "k8sgateway.security" -}}
{{- $context := fromYaml (index . 0) -}}{{- $own := omit (index . 1) "mergePolicy" -}}
{{- if eq (get (index . 1) "mergePolicy") "helm-merge" -}}
  {{- include "k8sgateway.mergeInto" (dict "into" $context "from" $own) -}}
{{- else if $own -}}
  {{- $context = $own -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{/* securityContext of every container. */}}
{{- define "k8sgateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Who and where a pod is. */}}
{{- define "k8sgateway.podEnv" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}

{{/* nodeSelector, tolerations, affinity and more of a part. */}}
{{- define "k8sgateway.placement" -}}
{{- with include "k8sgateway.texts" .nodeSelector }}
nodeSelector: {{- . | nindent 2 }}
{{- end }}
{{- range $key := list "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "nodeName" "hostAliases" }}
{{- with get $ $key }}
{{ $key }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (dict "root" ROOT "stats" STATS "into" DICT): global.glooStats with what a part says itself. */}}
{{- define "k8sgateway.stats" -}}
{{- include "k8sgateway.mergeInto" (dict "into" .into "from" (deepCopy .root.Values.global.glooStats)) -}}
{{- include "k8sgateway.mergeInto" (dict "into" .into "from" .stats) -}}
{{- include "k8sgateway.fill" (dict "into" .into "from" (.root.Files.Get "files/empty.json" | fromJson).global.glooStats) -}}
{{- end -}}

{{/* How patient probes are that end a container: that helps who hangs, and nobody who is slow. */}}
{{- define "k8sgateway.liveness" -}}
initialDelaySeconds: 10
timeoutSeconds: 5
periodSeconds: 10
failureThreshold: 3
{{- end -}}

{{/* (list STATS PORT): annotations of pods whose metrics are on this port. */}}
{{- define "k8sgateway.statsAnnotations" -}}
{{- $stats := index . 0 -}}{{- $port := index . 1 -}}
{{- if $stats.enabled -}}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ $port | quote }}
{{- if $stats.setDatadogAnnotations }}
ad.datadoghq.com/instances: {{ printf `[{"prometheus_url": "http://%%%%host%%%%:%s/metrics"}]` $port | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* (dict "root" ROOT "stats" STATS "name" NAME "selector" MAP "port" PORT): the Service of metrics. */}}
{{- define "k8sgateway.monitoringService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}-monitoring-service
  namespace: {{ .namespace }}
  labels: {{- include "k8sgateway.labels" (list .root .name) | nindent 4 }}
    monitoring: "true"
spec:
  selector: {{ toJson .selector }}
  ports:
  - {name: http-monitoring, port: {{ .port }}, targetPort: {{ .port }}, protocol: TCP}
{{- end -}}

{{/* minAvailable or maxUnavailable of a podDisruptionBudget. */}}
{{- define "k8sgateway.budget" -}}
{{- if ne (toString .maxUnavailable) "" -}}
maxUnavailable: {{ toJson .maxUnavailable }}
{{- else -}}
minAvailable: {{ toJson .minAvailable }}
{{- end -}}
{{- end -}}

{{/* "true" when a budget is wanted. */}}
{{- define "k8sgateway.wantsBudget" -}}
{{- if or (ne (toString .minAvailable) "") (ne (toString .maxUnavailable) "") -}}true{{- end -}}
{{- end -}}

{{/* Whether the webhook has a certificate of ours. */}}
{{- define "k8sgateway.certgen" -}}
{{- if and .Values.gateway.enabled .Values.gateway.validation.enabled .Values.gateway.certGenJob.enabled -}}true{{- end -}}
{{- end -}}

{{- define "k8sgateway.webhook" -}}
{{- if and .Values.gateway.enabled .Values.gateway.validation.enabled .Values.gateway.validation.webhook.enabled -}}true{{- end -}}
{{- end -}}

{{- define "k8sgateway.webhookName" -}}
gloo-gateway-validation-webhook-{{ .Release.Namespace }}
{{- end -}}

{{/* Arguments of certgen for the webhook's certificate. */}}
{{- define "k8sgateway.certgenArgs" -}}
- --svc-name=gloo
- --svc-namespace={{ .Release.Namespace }}
- --cluster-domain={{ .Values.k8s.clusterName }}
- --secret-name={{ .Values.gateway.validation.secretName }}
{{- if include "k8sgateway.webhook" . }}
- --validating-webhook-configuration-name={{ include "k8sgateway.webhookName" . }}
{{- end }}
{{- include "k8sgateway.certgenDistance" . }}
{{- end -}}

{{/* A pod that begins while a Job waits between two steps must not do the next one before its time. */}}
{{- define "k8sgateway.certgenDistance" -}}
{{- with .Values.gateway.certGenJob.rotationDuration }}
{{- if regexMatch "[1-9]" . }}
- --step-distance={{ . }}
{{- end }}
{{- end }}
{{- end -}}
