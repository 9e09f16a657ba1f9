import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { discoverRelease } from '../../helm/discover.ts';
import { fillPlaceholders } from '../../helm/placeholders.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

interface Case {
  readonly name: string;
  /** `templates/a.yaml`, or files by their path. */
  readonly template: string | Readonly<Record<string, string>>;
  readonly values?: string;
  readonly filled: Values;
  /** What the error without placeholders names. Default: the paths of `filled`. */
  readonly named?: string;
}

const data = (text: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: ${text}}\n`;
const host = 'placeholder.invalid';

const cases: readonly Case[] = [
  { name: 'nothing', template: data('b'), filled: {}, named: '' },
  {
    name: 'required',
    template: data('{{ required "set the name of the cluster" .Values.clusterName | quote }}'),
    filled: { clusterName: 'placeholder' },
  },
  {
    name: 'required, the second of a line, with the pipe before it',
    template: data('"{{ required "one" .Values.one }}{{ .Values.two | required "two" }}"'),
    values: 'one: 1',
    filled: { two: 'placeholder' },
  },
  {
    name: 'required of a variable, and of what a "with" stands on',
    template: `{{ $db := .Values.db }}{{ with .Values.mail }}${data('"{{ required "no host" $db.host }}{{ required "no sender" .sender }}"')}{{ end }}`,
    values: 'db: {port: 1}\nmail: {port: 25}',
    filled: { db: { host }, mail: { sender: 'placeholder' } },
    named: 'db.host',
  },
  {
    name: 'required in a helper',
    template: {
      'templates/_a.tpl': '{{ define "a" }}{{ required "the URL is missing here" .Values.web.url }}{{ end }}',
      'templates/a.yaml': data('{{ include "a" . | quote }}'),
    },
    values: 'web: {url: ""}',
    filled: { web: { url: `https://${host}` } },
  },
  {
    name: 'fail behind a condition',
    template: `{{ if not .Values.adminEmail }}{{ fail "somebody has to be in charge" }}{{ end }}${data('b')}`,
    filled: { adminEmail: `admin@${host}` },
  },
  {
    name: 'fail that names the value, of two that would do',
    template: `{{ if and (not .Values.existingSecret) (not .Values.auth.password) }}{{ fail "auth.password must be set" }}{{ end }}${data('b')}`,
    values: 'existingSecret: ""\nauth: {password: ""}',
    filled: { auth: { password: 'Placeholder-0123' } },
  },
  {
    name: 'fail that names what to switch on',
    template: `{{ if not .Values.terms.accepted }}{{ fail "set terms.accepted=true to go on" }}{{ end }}${data('b')}`,
    values: 'terms: {accepted: false}',
    filled: { terms: { accepted: true } },
  },
  {
    name: 'fail that offers words',
    template: `{{ if not (has .Values.flavour (list "sweet" "sour")) }}{{ fail "flavour must be one of sweet, sour" }}{{ end }}${data('b')}`,
    filled: { flavour: 'sweet' },
  },
  {
    name: 'a word that templates compare with',
    template: `{{ if eq .Values.mode "ha" }}{{ end }}{{ if not .Values.mode }}{{ fail "no mode given" }}{{ end }}${data('b')}`,
    values: 'mode: ""',
    filled: { mode: 'ha' },
  },
  {
    name: 'several at once, in one message',
    template: `{{ if not (and .Values.a.host .Values.b.port) }}{{ fail "a.host is required\\nb.port is required" }}{{ end }}${data('b')}`,
    values: 'a: {host: ""}\nb: {port: null}',
    filled: { a: { host }, b: { port: 8080 } },
  },
  {
    name: 'a nil pointer',
    template: data('"{{ .Values.db.primary.host }}"'),
    filled: { db: { primary: { host } } },
  },
  {
    name: 'a nil pointer in a subchart',
    template: {
      'charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
      'charts/sub/templates/a.yaml': data('"{{ .Values.db.name }}"'),
    },
    filled: { sub: { db: { name: 'placeholder' } } },
  },
  {
    name: 'a list to range over',
    template: `{{ range .Values.hosts }}{{ end }}{{ if not .Values.hosts }}{{ fail "hosts are missing" }}{{ end }}${data('b')}`,
    filled: { hosts: [host] },
  },
  {
    name: 'a list of maps',
    template: `{{ if not .Values.targets }}{{ fail "targets are missing" }}{{ end }}{{ range .Values.targets }}${data('"{{ .url }}"')}{{ end }}`,
    values: 'targets: []',
    filled: { targets: [{ url: `https://${host}` }] },
  },
  {
    name: 'base64',
    template: data('{{ required "no certificate given" .Values.ca | b64dec | quote }}'),
    filled: { ca: 'cGxhY2Vob2xkZXI=' },
  },
  {
    name: 'a password of a length',
    template: `{{ if lt (len (default "" .Values.secretKey)) 20 }}{{ fail "secretKey must have at least 20 characters" }}{{ end }}${data('b')}`,
    filled: { secretKey: 'Placeholder-0123Plac' },
  },
  {
    name: 'what a schema demands, of the types and words that it has',
    template: {
      'templates/a.yaml': data('b'),
      'values.schema.json': JSON.stringify({
        required: ['policy', 'web'],
        properties: {
          policy: { enum: ['sync', 'upsert'] },
          web: { $ref: '#/definitions/web' },
        },
        definitions: { web: { type: 'object', required: ['replicas'], properties: { replicas: { type: 'integer' } } } },
      }),
    },
    filled: { policy: 'sync', web: { replicas: 1 } },
    named: 'policy, web',
  },
  {
    name: 'one after the other',
    template: `{{ $_ := required "first" .Values.first }}{{ $_ = required "second" .Values.second }}${data('b')}`,
    filled: { first: 'placeholder', second: 'placeholder' },
    named: 'first',
  },
];

function pathsOf(values: Values, prefix = ''): string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? pathsOf(value as Values, `${prefix}${key}.`)
      : [`${prefix}${key}`],
  );
}

for (const helm of await helmsUnderTest()) {
  for (const { name, template, values = '', filled, named } of cases) {
    test(`helm ${helm.version}, a placeholder for: ${name}`, async (t) => {
      const files = typeof template === 'string' ? { 'templates/a.yaml': template } : template;
      const release = await releaseOf(t, await chartFolder(t, { 'values.yaml': values, ...files }));
      const result = await fillPlaceholders(helm, release, { kubernetes: '1.36', signal: t.signal });
      assert.equal(result.failure?.message, undefined);
      assert.deepEqual(result.values, filled);
      if (Object.keys(filled).length === 0) return;
      const found = discoverRelease(helm, release, { kubernetes: ['1.36'], paths: [], ignore: [], signal: t.signal });
      await assert.rejects(found, (error: Error & { hint?: string }) => {
        assert.equal(
          error.hint,
          `give ${named ?? pathsOf(filled).join(', ')} in the release’s "values"; values in use: the chart’s own values`,
        );
        return true;
      });
    });
  }

  test(`helm ${helm.version}: what no value mends is left as it is, after few renders`, async (t) => {
    const release = await releaseOf(
      t,
      await chartFolder(t, {
        'templates/a.yaml': `{{ if .Values.x }}{{ end }}{{ fail "never" }}`,
        'values.yaml': 'x: 1',
      }),
    );
    const { failure, placeholders, renders } = await fillPlaceholders(helm, release, { kubernetes: '1.36', signal: t.signal });
    assert.match(failure?.message ?? '', /never/);
    assert.deepEqual(placeholders, []);
    assert.ok(renders <= 10, `${renders} renders`);
  });

  test(`helm ${helm.version}: the user's values are not asked for again, and a placeholder says why it is there`, async (t) => {
    const template = data('"{{ required "give a" .Values.a }}{{ required "give b" .Values.b }}"');
    const release = await releaseOf(t, await chartFolder(t, { 'templates/a.yaml': template }), ['a: 1']);
    const { placeholders } = await fillPlaceholders(helm, release, { kubernetes: '1.36', signal: t.signal });
    assert.deepEqual(placeholders.length, 1);
    assert.deepEqual(placeholders[0]?.path, 'b');
    assert.match(placeholders[0]?.reason ?? '', /^shop\/templates\/a\.yaml:4:\d+: give b$/);
  });
}
