{{- define "image" -}}
{{- $global := .root.Values.global.image -}}
{{- $repository := coalesce .image.repository $global.repository (printf "%s/shop/%s" $global.registry .root.Chart.Name) -}}
{{- printf "%s:%s" $repository (.image.tag | default $global.tag | default .root.Chart.AppVersion) -}}
{{- end }}
