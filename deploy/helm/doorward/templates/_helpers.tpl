{{/* Names and labels. */}}
{{- define "doorward.name" -}}
{{- if contains "doorward" .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-doorward" .Release.Name | trunc 53 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "doorward.selector" -}}
app.kubernetes.io/name: doorward
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "doorward.labels" -}}
{{ include "doorward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "doorward.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Refuses what would start a Doorward without a policy, or with one that nobody chose. */}}
{{- define "doorward.check" -}}
{{- $sources := 0 }}
{{- if .Values.policies.files }}{{ $sources = add1 $sources }}{{ end }}
{{- if .Values.policies.existingConfigMap }}{{ $sources = add1 $sources }}{{ end }}
{{- if .Values.policies.git.repository }}{{ $sources = add1 $sources }}{{ end }}
{{- if ne (int $sources) 1 }}{{ fail "give exactly one of policies.files, policies.existingConfigMap and policies.git.repository" }}{{ end }}
{{- if not .Values.config.identity }}{{ fail "config.identity is missing: whose tokens are to be believed (docs/configuration.md)" }}{{ end }}
{{- range list "listen" "policies" }}{{ if hasKey $.Values.config . }}{{ fail (printf "config.%s: the chart writes this key itself" .) }}{{ end }}{{ end }}
{{- if and .Values.tls.clients (not .Values.tls.secretName) }}{{ fail "tls.clients needs tls.secretName" }}{{ end }}
{{- if and .Values.tls.secretName (eq .Values.mode "sidecar") }}{{ fail "tls is for the gateway mode: a sidecar is asked on a Unix socket" }}{{ end }}
{{- end }}

{{/* doorward.yaml */}}
{{- define "doorward.config" -}}
listen:
{{- if eq .Values.mode "sidecar" }}
  grpc: unix:/run/doorward/doorward.sock
{{- else if .Values.tls.secretName }}
  grpc:
    address: 0.0.0.0:9191
    tls:
      certificate: /tls/tls.crt
      key: /tls/tls.key
      {{- with .Values.tls.clients }}
      client_ca: /tls/ca.crt
      clients:
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- else }}
  grpc: 0.0.0.0:9191
{{- end }}
  admin: 0.0.0.0:9193
policies: {{ if .Values.policies.git.repository }}{{ printf "/git/current/%s" .Values.policies.git.path | quote }}{{ else }}/policies{{ end }}
{{ toYaml .Values.config }}
{{- end }}

{{/* The container, for either mode: (dict "root" $ "socket" true|false) */}}
{{- define "doorward.containerBody" -}}
{{- $admin := ternary "doorward-admin" "admin" .socket -}}
{{- with .root -}}
name: doorward
image: {{ include "doorward.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/doorward/doorward.yaml, --log, {{ .Values.log | quote }}]
{{- with .Values.env }}
env:
{{- toYaml . | nindent 0 }}
{{- end }}
ports:
{{- if not $.socket }}
- { name: grpc, containerPort: 9191 }
{{- end }}
- { name: {{ $admin }}, containerPort: 9193 }
startupProbe:
  httpGet: { path: /healthz, port: {{ $admin }} }
  periodSeconds: 1
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: {{ $admin }} }
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: {{ $admin }} }
  periodSeconds: 2
  timeoutSeconds: 1
  failureThreshold: 2
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
volumeMounts:
- { name: doorward-config, mountPath: /etc/doorward, readOnly: true }
{{- if .Values.policies.git.repository }}
- { name: doorward-git, mountPath: /git, readOnly: true }
{{- else }}
- { name: doorward-policies, mountPath: /policies, readOnly: true }
{{- end }}
{{- if $.socket }}
- { name: doorward-socket, mountPath: /run/doorward }
{{- end }}
{{- if .Values.tls.secretName }}
- { name: doorward-tls, mountPath: /tls, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{- define "doorward.gitSync" -}}
{{- with .Values.policies.git -}}
name: doorward-git-sync
image: {{ .image }}
restartPolicy: Always
args:
- --repo={{ .repository }}
- --ref={{ .ref }}
- --root=/git
- --link=current
- --depth=1
- --submodules=off
- --period={{ .period }}
- --max-failures=-1
- --http-bind=:9194
{{- if .secretName }}
- --username={{ .username }}
- --password-file=/etc/git-secret/token
{{- end }}
ports:
- { name: git-sync, containerPort: 9194 }
startupProbe:
  httpGet: { path: /, port: git-sync }
  periodSeconds: 2
  failureThreshold: 60
resources:
  requests: { cpu: 10m, memory: 32Mi }
  limits: { memory: 256Mi }
securityContext:
  runAsNonRoot: true
  runAsUser: 65533
  runAsGroup: 65533
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
volumeMounts:
- { name: doorward-git, mountPath: /git }
- { name: doorward-git-tmp, mountPath: /tmp }
{{- if .secretName }}
- { name: doorward-git-secret, mountPath: /etc/git-secret, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{- define "doorward.volumesBody" -}}
- name: doorward-config
  configMap: { name: {{ include "doorward.name" . }}-config }
{{- if .Values.policies.git.repository }}
- name: doorward-git
  emptyDir: { sizeLimit: 256Mi }
- name: doorward-git-tmp
  emptyDir: { sizeLimit: 64Mi }
{{- with .Values.policies.git.secretName }}
- name: doorward-git-secret
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- else }}
- name: doorward-policies
  configMap: { name: {{ .Values.policies.existingConfigMap | default (printf "%s-policies" (include "doorward.name" .)) }} }
{{- end }}
{{- with .Values.tls.secretName }}
- name: doorward-tls
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- end }}

{{/*
For a chart that has this one as a dependency. The context is the subchart's:

  initContainers:
  {{- include "doorward.sidecar.initContainers" .Subcharts.doorward | nindent 6 }}
  volumes:
  {{- include "doorward.sidecar.volumes" .Subcharts.doorward | nindent 6 }}
*/}}
{{- define "doorward.sidecar.initContainers" -}}
{{- if .Values.policies.git.repository }}
-
  {{- include "doorward.gitSync" . | nindent 2 }}
{{- end }}
-
  {{- include "doorward.containerBody" (dict "root" . "socket" true) | nindent 2 }}
  restartPolicy: Always
{{- end }}

{{- define "doorward.sidecar.volumes" -}}
- name: doorward-socket
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{ include "doorward.volumesBody" . }}
{{- end }}

{{/* Restarts what mounts the configuration when that changes; a policy is reloaded in place. */}}
{{- define "doorward.sidecar.annotations" -}}
doorward/config: {{ include "doorward.config" . | sha256sum }}
{{- end }}
