import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { formatGate } from '../../helm/gates/gate.ts';
import { findGates } from '../../helm/gates/template-gates.ts';

interface GateCase {
  readonly name: string;
  /** YAML. */
  readonly values: string;
  /** The template, or files by path. */
  readonly chart: string | Readonly<Record<string, string>>;
  readonly gates: readonly string[];
}

const container = 'image: quay.io/shop/extra:1';
const when = (condition: string): string => `{{ if ${condition} }}\n${container}\n{{ end }}`;

const cases: readonly GateCase[] = [
  { name: 'a switch', values: 'extra: {enabled: false}', chart: when('.Values.extra.enabled'), gates: ['extra.enabled=true'] },
  { name: 'a switch that is on', values: 'extra: {enabled: true}', chart: when('.Values.extra.enabled'), gates: [] },
  {
    name: 'a switch that is text',
    values: 'extra: "false"',
    chart: when('eq .Values.extra "true"'),
    gates: ['--set-string=extra=true'],
  },
  { name: 'a switch that is absent', values: '{}', chart: when('.Values.extra'), gates: ['extra=true'] },
  { name: 'a switch to be turned off', values: 'slim: true', chart: when('not .Values.slim'), gates: ['slim=false'] },
  { name: 'two switches', values: 'a: false\nb: false', chart: when('and .Values.a .Values.b'), gates: ['a=true,b=true'] },
  { name: 'one of two', values: 'a: false\nb: false', chart: when('or .Values.a .Values.b'), gates: ['a=true', 'b=true'] },
  { name: 'a mode', values: 'mode: one', chart: when('eq .Values.mode "ha"'), gates: ['mode=ha'] },
  {
    name: 'a mode that a helper prints as it is set, or finds by the cluster',
    values: 'mode: ""',
    chart: `{{ define "mode" }}{{ if .Values.mode }}{{ printf .Values.mode }}{{ else if .Capabilities.APIVersions.Has "x/v1" }}{{ printf "x" }}
{{ else }}{{ printf "plain" }}{{ end }}{{ end }}{{ if eq (include "mode" .) "x" }}x{{ else if eq (include "mode" .) "ha" }}\n${container}\n{{ end }}`,
    gates: ['mode=ha'],
  },
  {
    name: 'a mode that is printed with a format',
    values: 'mode: one',
    chart: when('eq (printf "%s" .Values.mode) "ha"'),
    gates: ['mode=ha'],
  },
  {
    name: 'one of several modes',
    values: 'mode: one',
    chart: when('has .Values.mode (list "ha" "all")'),
    gates: ['mode=ha', 'mode=all'],
  },
  {
    name: 'any other mode, which the templates name elsewhere',
    values: 'mode: ingress',
    chart: `${when('ne .Values.mode "ingress"')}\n{{ if eq .Values.mode "nodePort" }}port: 1{{ end }}`,
    gates: ['mode=nodePort'],
  },
  {
    name: 'any other mode, which the schema names',
    values: 'mode: none',
    chart: {
      'templates/pod.yaml': when('ne .Values.mode "none"'),
      'values.schema.json': '{"properties": {"mode": {"enum": ["none", "full"]}}}',
    },
    gates: ['mode=full'],
  },
  {
    name: 'any other mode, which a comment names',
    values: 'mode: none',
    chart: { 'templates/pod.yaml': when('ne .Values.mode "none"'), 'values.yaml': '# one of: none, full\nmode: none' },
    gates: ['mode=full'],
  },
  { name: 'a beginning', values: 'from: ""', chart: when('hasPrefix "s3://" .Values.from'), gates: ['from=s3://placeholder'] },
  { name: 'an expression', values: 'from: ""', chart: when('regexMatch "^s3://.+$" .Values.from'), gates: ['from=s3://x'] },
  { name: 'a text that has to be there', values: 'token: ""', chart: when('.Values.token'), gates: ['token=placeholder'] },
  {
    name: 'a text that is printed with a fallback',
    values: '{}',
    chart: `{{ if .Values.key }}\n${container}\nkey: {{ default "none" .Values.key | b64enc }}{{ end }}`,
    gates: ['key=placeholder'],
  },
  { name: 'a number', values: 'replicas: 1', chart: when('gt (int .Values.replicas) 1'), gates: ['replicas=2'] },
  {
    name: 'an expression with flags',
    values: 'from: ""',
    chart: when('regexMatch "(?i)cloud" .Values.from'),
    gates: ['from=cloud'],
  },
  { name: 'a number that is not there', values: '{}', chart: when('ge (int (.Values.size | default 1)) 3'), gates: ['size=3'] },
  {
    name: 'an outer block',
    values: 'a: false\nb: false',
    chart: `{{ if .Values.a }}${when('.Values.b')}{{ end }}`,
    gates: ['a=true,b=true'],
  },
  {
    name: 'the end of a chain',
    values: 'mode: a\nother: true',
    chart: `{{ if eq .Values.mode "a" }}x: 1{{ else if .Values.other }}y: 1{{ else }}${container}{{ end }}\n{{ if eq .Values.mode "b" }}{{ end }}`,
    gates: ['mode=b,other=false'],
  },
  {
    name: 'a variable',
    values: 'a: false\nb: false',
    chart: `{{ $on := and .Values.a .Values.b }}${when('$on')}`,
    gates: ['a=true,b=true'],
  },
  {
    name: 'a variable changed in a branch',
    values: 'a: false',
    chart: `{{ $on := false }}{{ if .Values.a }}{{ $on = true }}{{ end }}${when('$on')}`,
    gates: ['a=true'],
  },
  {
    name: 'a helper that prints true',
    values: 'extra: {enabled: false}',
    chart: `{{ define "on" }}{{ if .Values.extra.enabled }}true{{ end }}{{ end }}${when('eq (include "on" .) "true"')}`,
    gates: ['extra.enabled=true'],
  },
  {
    name: 'a helper whose output has a key',
    values: 'extra: false',
    chart: `{{ define "on" }}enabled: {{ .Values.extra }}{{ end }}${when('(include "on" . | fromYaml).enabled')}`,
    gates: ['extra=true'],
  },
  {
    name: 'a helper whose output has a map below a key, beside others with the same keys',
    values: 'caps: {extra: disable, other: enable}',
    chart: `{{ define "parts" }}{{ $other := eq .Values.caps.other "enable" }}
other:
  enabled: {{ $other }}
extra:
  name: extra
  enabled: {{ eq .Values.caps.extra "enable" }}
last:
  enabled: {{ $other }}{{ end }}{{ $parts := fromYaml (include "parts" .) }}${when('$parts.extra.enabled')}`,
    gates: ['caps.extra=enable'],
  },
  {
    name: 'a helper with the container, called below a switch',
    values: 'extra: {enabled: false, image: quay.io/shop/extra:1}',
    chart: `{{ define "c" }}image: {{ .image }}{{ end }}{{ if .Values.extra.enabled }}{{ include "c" (dict "image" .Values.extra.image) }}{{ end }}`,
    gates: ['extra.enabled=true'],
  },
  {
    name: 'a dump of a container',
    values: 'on: false\nsidecar: {name: s, image: quay.io/shop/extra:1}',
    chart: '{{ if .Values.on }}{{ toYaml .Values.sidecar }}{{ end }}',
    gates: ['on=true'],
  },
  {
    name: 'an empty list that a template goes over',
    values: 'jobs: []',
    chart: `{{ range .Values.jobs }}\nname: {{ .name }}\n${container}\n{{ end }}`,
    gates: ['jobs[0].name=placeholder'],
  },
  {
    name: 'an empty map that a template goes over',
    values: 'jobs: {}',
    chart: `{{ range $name, $job := .Values.jobs }}\nname: {{ $name }}\nport: {{ $job.port }}\n${container}\n{{ end }}`,
    gates: ['jobs.placeholder.port=8080'],
  },
  {
    name: "an empty list of the user's own containers",
    values: 'more: []',
    chart: '{{ with .Values.more }}{{ toYaml . }}{{ end }}',
    gates: [],
  },
  { name: 'an API', values: '{}', chart: when('.Capabilities.APIVersions.Has "x.io/v1"'), gates: ['--api-versions=x.io/v1'] },
  {
    name: 'a cluster version',
    values: '{}',
    chart: when('semverCompare "<1.34-0" .Capabilities.KubeVersion.Version'),
    gates: ['--kube-version=1.33'],
  },
  {
    name: 'what the chart requires besides',
    values: 'on: false\nmail: ""',
    chart: `${when('.Values.on')}{{ if and .Values.on (not .Values.mail) }}{{ fail "mail" }}{{ end }}`,
    gates: ['on=true,mail=placeholder'],
  },
  {
    name: 'what the chart demands in a list of messages',
    values: 'on: false\nrbac: false',
    chart: `${when('.Values.on')}{{ define "m" }}{{ if and .Values.on (not .Values.rbac) }}rbac is missing{{ end }}{{ end }}
{{ $all := list }}{{ $all = append $all (include "m" .) }}{{ $all = append $all (randAlpha 5) }}{{ $text := join "\\n" (without $all "") }}
{{ if $text }}{{ fail $text }}{{ end }}`,
    gates: ['on=true,rbac=true'],
  },
  {
    name: 'a part without an image',
    values: 'monitor: false',
    chart: '{{ if .Values.monitor }}kind: ServiceMonitor{{ end }}',
    gates: [],
  },
  {
    name: 'an invented tag',
    values: 'image: {repository: a/b, tag: ""}',
    chart: '{{ with .Values.image.tag }}image: a/b:{{ . }}{{ end }}',
    gates: [],
  },
  {
    name: 'a subchart by its condition, under its alias, with a switch of its own',
    values: 'cache: {enabled: false}',
    chart: {
      'Chart.yaml': 'name: shop\ndependencies: [{name: redis, alias: cache, condition: cache.enabled}]',
      'charts/redis/Chart.yaml': 'name: redis',
      'charts/redis/values.yaml': 'metrics: false\nimage: quay.io/shop/redis:1',
      'charts/redis/templates/pod.yaml': `image: {{ .Values.image }}\n---\n${when('.Values.metrics')}`,
    },
    gates: ['cache.enabled=true', 'cache.enabled=true,cache.metrics=true'],
  },
  {
    name: 'a subchart by a tag, with a switch that is global',
    values: 'tags: {back: false}\nglobal: {extra: false}',
    chart: {
      'Chart.yaml': 'name: shop\ndependencies: [{name: db, tags: [back]}]',
      'charts/db/Chart.yaml': 'name: db',
      'charts/db/templates/pod.yaml': when('.Values.global.extra'),
    },
    gates: ['tags.back=true,global.extra=true'],
  },
  {
    name: 'a template that is none: the switches beside its images',
    values: 'extra: {enabled: false, image: {repository: quay.io/shop/extra, tag: "1"}}',
    chart: '{{ if .Values.extra.enabled }',
    gates: ['extra.enabled=true'],
  },
];

for (const { name, values, chart, gates } of cases) {
  test(`behind ${name}`, () => {
    const files = typeof chart === 'string' ? { 'templates/pod.yaml': chart } : chart;
    const read = new Map(
      Object.entries({ 'Chart.yaml': 'name: shop', ...files }).map(([path, text]) => [path, Buffer.from(text)]),
    );
    const found = findGates({ files: read, name: 'shop' }, parseYaml11(values)[0] as Values);
    assert.deepEqual(found.map(formatGate), gates);
  });
}

test('a gate names the template and line of the image', () => {
  const files = new Map([['templates/pod.yaml', Buffer.from(`a: 1\n{{- if .Values.on }}\n${container}\n{{- end }}\n`)]]);
  assert.deepEqual(
    findGates({ files, name: 'shop' }, { on: false }).map(({ where }) => where),
    ['shop/templates/pod.yaml:3'],
  );
});

test('a helper that calls itself, and one that doubles at each call, come to an end', () => {
  const doubling = Array.from(
    { length: 40 },
    (_, index) =>
      `{{ define "d${index}" }}{{ include "d${index + 1}" (dict "a" .) }}{{ include "d${index + 1}" (dict "b" .) }}{{ end }}`,
  );
  const text = `{{ define "r" }}{{ include "r" (dict "x" .) }}{{ end }}${doubling.join('')}{{ include "r" . }}{{ include "d0" . }}${when('.Values.on')}`;
  const files = new Map([['templates/pod.yaml', Buffer.from(text)]]);
  const started = process.cpuUsage();
  findGates({ files, name: 'shop' }, { on: false, image: 'quay.io/shop/a:1' });
  assert.ok(process.cpuUsage(started).user < 5_000_000);
});
