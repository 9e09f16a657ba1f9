import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEffectiveValues } from '../../helm/effective-values.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf, tempFolder } from './packed-chart.ts';
import { renderObjects } from './render-objects.ts';

const charts = join(import.meta.dirname, '../charts');
const configMap = (data: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: ${data}\n`;

const failures: readonly { readonly name: string; readonly template: string; readonly values?: string; readonly says: RegExp }[] =
  [
    {
      name: 'required',
      template: '{{ required "set a.password" .Values.a }}',
      says: /: shop\/templates\/x\.yaml:1:3: set a\.password$/,
    },
    { name: 'fail', template: 'a: 1\n{{ fail "two\\nlines" }}', says: /: shop\/templates\/x\.yaml:2:3: two; lines$/ },
    {
      name: 'a missing value',
      template: '{{ .Values.db.host }}',
      says: /x\.yaml:1:10: \.Values\.db\.host: nil pointer evaluating interface \{\}\.host$/,
    },
    {
      name: 'a missing value in a helper of a helper',
      template: '{{ define "a" }}{{ .Values.db.host }}{{ end }}{{ define "b" }}{{ include "a" . }}{{ end }}{{ include "b" . }}',
      says: /x\.yaml:1:26: \.Values\.db\.host: nil pointer evaluating interface \{\}\.host$/,
    },
    { name: 'a template that is none', template: '{{ if }}', says: /parse error.*x\.yaml:1.*missing value for if$/ },
    { name: 'YAML that is none', template: 'a: [x', says: /YAML parse error on shop\/templates\/x\.yaml/ },
    { name: 'values that are no YAML', template: '', values: 'a: [secret', says: /failed to parse values 1: / },
  ];

for (const helm of await helmsUnderTest()) {
  for (const { name, template, values, says } of failures) {
    test(`helm ${helm.version}: ${name} is RENDER_FAILED with helm's reason, the layers and no value`, async (t) => {
      const directory = await chartFolder(t, { 'templates/x.yaml': template });
      const release = await releaseOf(t, directory, [values ?? 'password: secret']);
      await assert.rejects(
        renderObjects(helm, release, { kubernetes: '1.36', signal: t.signal }),
        (error: Error & { hint?: string }) => {
          assert.match(error.message, /^release shop does not render for Kubernetes 1\.36: /);
          assert.match(error.message, says);
          assert.match(error.hint ?? '', /values 1$/);
          assert.doesNotMatch(`${error.message}${error.hint}`, /secret/);
          return true;
        },
      );
    });
  }

  test(`helm ${helm.version}: a schema refuses values by their path, not by what they are`, async (t) => {
    const release = await releaseOf(t, join(charts, 'strict-schema'), ['image: {repository: secret.example.com/x}']);
    const rendered = renderObjects(helm, release, { kubernetes: '1.36', signal: t.signal });
    await assert.rejects(
      rendered,
      (error: Error) => /\/image\/repository/.test(error.message) && !error.message.includes('secret'),
    );
    const objects = await renderObjects(helm, release, { kubernetes: '1.36', skipSchemaValidation: true, signal: t.signal });
    assert.equal(objects.length, 1);
  });

  test(`helm ${helm.version}: charts see the cluster's version and the API versions given`, async (t) => {
    const directory = await chartFolder(t, {
      'crds/crd.yaml': 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things}\n',
      'templates/x.yaml': configMap(
        '{version: "{{ .Capabilities.KubeVersion }}", own: "{{ .Capabilities.APIVersions.Has "own.example.com/v1" }}", ns: "{{ .Release.Namespace }}"}',
      ),
    });
    const release = await releaseOf(t, directory);
    const [crd, object] = await renderObjects(helm, release, {
      kubernetes: '1.35',
      apiVersions: ['own.example.com/v1'],
      signal: t.signal,
    });
    assert.equal(crd?.kind, 'CustomResourceDefinition');
    assert.deepEqual(object?.value.data, { version: 'v1.35.0', own: 'true', ns: 'web' });
  });

  test(`helm ${helm.version}: nothing of the user's own helm settings is seen, and no values file stays behind`, async (t) => {
    const folder = await tempFolder(t);
    const { stdout } = await helm.run(['env'], { signal: t.signal });
    for (const name of ['CACHE_HOME', 'CONFIG_HOME', 'DATA_HOME', 'PLUGINS'])
      assert.match(stdout, new RegExp(`HELM_${name}="[^"]*/diolkos-helm-`));
    // Temporary files go where TMPDIR says, so that they can be counted.
    const { TMPDIR } = process.env;
    process.env.TMPDIR = folder;
    t.after(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    });
    await renderObjects(helm, await releaseOf(t, join(charts, 'digest-in-one-string'), ['a: 1']), {
      kubernetes: '1.36',
      signal: t.signal,
    });
    assert.deepEqual(
      (await readdir(folder)).filter((name) => !name.startsWith('diolkos-test-')),
      [],
    );
  });

  test(`helm ${helm.version}: an aborted run throws the reason once helm has stopped`, async (t) => {
    const controller = new AbortController();
    const directory = await chartFolder(t, {
      'templates/x.yaml': configMap('{a: "{{ range until 10000000 }}{{ sha256sum "x" | trunc 0 }}{{ end }}"}'),
    });
    const rendered = renderObjects(helm, await releaseOf(t, directory), { kubernetes: '1.36', signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 200);
    await assert.rejects(rendered, /enough/);
  });

  test(`helm ${helm.version}: effective values are those of the templates: layers, aliases, packed subcharts, globals, nulls`, async (t) => {
    const release = await releaseOf(t, join(charts, 'subcharts'), [
      'cache: {image: {repository: null, pullPolicy: Always}}',
      'odd: "{{ x }}: \\a #"',
    ]);
    const values = await readEffectiveValues(helm, release, { signal: t.signal });
    assert.deepEqual(values, {
      cache: { global: { hub: 'quay.io/parent' }, image: { pullPolicy: 'Always', tag: '7.4' } },
      global: { hub: 'quay.io/parent' },
      odd: '{{ x }}: \u0007 #',
      packed: { enabled: true, global: { hub: 'quay.io/parent' }, image: 'quay.io/packed/app:1.0' },
      queue: { global: { hub: 'quay.io/parent' }, image: { repository: 'redis', tag: '7' } },
      tags: { extras: true },
    });
  });
}
