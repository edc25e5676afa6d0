{{/*
Values of the Go product's chart that have no use here: files/published.yaml lists them.
(dict "at" VALUE "path" KEYS "place" TEXT "into" DICT): adds to .into.found what stands at a path, with its place.
*/}}
{{- define "k8sgateway.published.find" -}}
{{- $call := . -}}
{{- if not .path -}}
  {{- $_ := set .into "found" (append .into.found (dict "place" .place "value" .at)) -}}
{{- else if kindIs "map" .at -}}
  {{- $key := first .path -}}
  {{- range $name, $value := .at -}}
    {{- if and (or (eq $key "*") (eq $key $name)) (not (kindIs "invalid" $value)) -}}
      {{- $place := ternary $name (printf "%s.%s" $call.place $name) (empty $call.place) -}}
      {{- include "k8sgateway.published.find" (dict "at" $value "path" (rest $call.path) "place" $place "into" $call.into) -}}
    {{- end -}}
  {{- end -}}
{{- else if and (kindIs "slice" .at) (eq (first .path) "[]") -}}
  {{- range $number, $value := .at -}}
    {{- $place := printf "%s.%d" $call.place $number -}}
    {{- include "k8sgateway.published.find" (dict "at" $value "path" (rest $call.path) "place" $place "into" $call.into) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT KIND): lines "place: why" of what is set and is neither empty nor fine. */}}
{{- define "k8sgateway.published.set" -}}
{{- $root := index . 0 -}}{{- $lines := list -}}
{{- $published := $root.Files.Get "files/published.yaml" | fromYaml -}}
{{- range $entry := get $published (index . 1) -}}
  {{- $into := dict "found" list -}}
  {{- range ternary $published.images (list "") (hasPrefix "IMAGE." $entry.value) -}}
    {{- $path := trimPrefix "." (printf "%s.%s" . (trimPrefix "IMAGE." $entry.value)) | splitList "." -}}
    {{- include "k8sgateway.published.find" (dict "at" $root.Values "path" $path "place" "" "into" $into) -}}
  {{- end -}}
  {{- $fine := list -}}
  {{- range $entry.fine -}}{{- $fine = append $fine (toString .) -}}{{- end -}}
  {{- range $into.found -}}
    {{- /* Where something is fine, `false` is something, too. */ -}}
    {{- $nothing := and (empty .value) (not (and (kindIs "bool" .value) (hasKey $entry "fine"))) -}}
    {{- if not (or $nothing (has (toString .value) $fine)) -}}
      {{- $lines = append $lines (printf "  %s: %s" .place $entry.why) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{- define "k8sgateway.published.idle" -}}{{ include "k8sgateway.published.set" (list . "idle") }}{{- end -}}
