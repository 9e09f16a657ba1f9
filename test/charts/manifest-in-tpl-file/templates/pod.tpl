apiVersion: v1
kind: Pod
metadata: {name: api}
spec: {containers: [{name: main, image: "{{ .Values.image }}"}]}
