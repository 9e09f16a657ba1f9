{{- define "image" -}}
{{- if contains "/" .name }}{{ .name }}{{ else }}{{ .global.registry }}/{{ .name }}:{{ .global.tag }}{{ end -}}
{{- end -}}
