import assert from 'node:assert/strict';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { RewriteReport } from '../../bundle-spec/rewrite-report.ts';
import { splitManifests } from '../../helm/manifest-stream.ts';
import { splitFile } from '../images/split.ts';
import { assertDone, assertFailed, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, podYaml, siteYaml, workshop, writeFiles } from './workshop.ts';

const chart = {
  ...chartFiles(['quay.io/shop/api:1.0', 'redis:7.0.5']),
  'chart/templates/hard-coded.yaml': podYaml('worker', 'ghcr.io/shop/worker:2.0'),
};

/** A program that completes the name by a tag of its own: what has to travel is not known. */
const untagged = `apiVersion: v1
kind: Pod
metadata: { name: scanner }
spec:
  containers:
    - { name: main, image: "{{ index .Values.images 0 }}", env: [{ name: SCANNER_REPOSITORY, value: quay.io/shop/scanner }] }
`;

function rewrite(folder: string, ...args: readonly string[]): Promise<CliRun> {
  return runCli(['rewrite', 'chart', '--registry', 'registry.internal:5000', ...args], { folder });
}

function imagesOf(stream: string): readonly string[] {
  return [...stream.matchAll(/image: "?([^"\s,}]+)/g)].map(([, image = '']) => image).sort();
}

test('the values that bring every image from a registry, ready for helm, with what the post-renderer does in a comment', async (t) => {
  const run = await rewrite(await folderWith(t, chart));
  const printed = assertDone(run);
  assert.deepEqual(parseYaml11(printed), [
    { images: ['registry.internal:5000/quay.io/shop/api:1.0', 'registry.internal:5000/docker.io/library/redis:7.0.5'] },
  ]);
  assert.match(printed, /^# 3 images in 3 places: 2 by values, 1 by post-renderer; nothing foreign is left$/m);
  assert.match(printed, /^# {3}ghcr\.io\/shop\/worker:2\.0 -> registry\.internal:5000\/ghcr\.io\/shop\/worker:2\.0$/m);
});

test('a text that may mean a foreign image is a note, and the summary claims no more than is proven', async (t) => {
  const manual =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: manual }\ndata: { manual: "version quay.io/shop/api:0.9 is old" }\n';
  const run = await rewrite(await folderWith(t, { ...chart, 'chart/templates/manual.yaml': manual }));
  assertDone(run);
  assert.match(run.stderr, /^shop: 3 images in 3 places: .*; nothing foreign is left but what 1 note below may mean$/m);
  assert.match(run.stderr, /^note: quay\.io\/shop\/api:0\.9 still stands in ConfigMap\/manual/m);
});

test('--manifests prints what would be installed, with nothing foreign in it', async (t) => {
  const crd = '---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: shops.example.com }\n';
  const folder = await folderWith(t, { ...chart, 'chart/crds/shop.yaml': crd });
  const stream = assertDone(await rewrite(folder, '--manifests', '--prefix', 'mirror/shop'));
  const kinds = [...stream.matchAll(/^kind: (.*)$/gm)].map(([, kind]) => kind);
  assert.deepEqual(kinds, ['CustomResourceDefinition', 'Pod', 'Pod']);
  assert.deepEqual(imagesOf(stream), [
    'registry.internal:5000/mirror/shop/docker.io/library/redis:7.0.5',
    'registry.internal:5000/mirror/shop/ghcr.io/shop/worker:2.0',
    'registry.internal:5000/mirror/shop/quay.io/shop/api:1.0',
  ]);
});

test('--manifests of a chart whose values schema refers to the internet', async (t) => {
  const schema = '{"properties": {"a": {"$ref": "https://schemas.shop.invalid/a.json"}}}';
  const folder = await folderWith(t, { ...chart, 'chart/values.schema.json': schema });
  assert.equal(imagesOf(assertDone(await rewrite(folder, '--manifests'))).length, 3);
});

test('--manifests of a chart that looks a Secret up where the cluster serves the kind', async (t) => {
  const check = `{{- if .Capabilities.APIVersions.Has "v1/Secret" }}{{ if not (lookup "v1" "Secret" "shop" "token") }}{{ fail "no token" }}{{ end }}{{ end }}`;
  const folder = await folderWith(t, { ...chart, 'chart/templates/check.yaml': check });
  assert.equal(imagesOf(assertDone(await rewrite(folder, '--manifests'))).length, 3);
});

test('--pull-secret is in every pod', async (t) => {
  const folder = await folderWith(t, chart);
  const stream = assertDone(await rewrite(folder, '--manifests', '--pull-secret', 'site-registry'));
  const secrets = splitManifests(stream).map((document) => {
    const [pod] = parseYaml11(document) as { spec: { imagePullSecrets: unknown } }[];
    return pod?.spec.imagePullSecrets;
  });
  assert.deepEqual(secrets, [[{ name: 'site-registry' }], [{ name: 'site-registry' }]]);
});

test('what is not proven is named with the flag to add, --partial prints the rest, and the flag helps', async (t) => {
  const folder = await folderWith(t, { ...chart, 'chart/templates/scanner.yaml': untagged });
  const refused = await rewrite(folder, '--manifests');
  assertFailed(refused, {
    error: 'REWRITE_UNPROVEN',
    says: [
      'shop: Pod scanner, spec.containers[0].env[0].value: quay.io/shop/scanner (shop/templates/scanner.yaml)',
      'hint:  add --extra quay.io/shop/scanner:TAG, with the tag that is pulled for TAG (where nothing is pulled, the repository in --ignore)',
    ],
  });
  const partial = await rewrite(folder, '--manifests', '--partial');
  assert.equal(partial.code, 1, partial.stderr);
  assert.ok(
    imagesOf(partial.stdout).every((image) => image.startsWith('registry.internal:5000/')),
    partial.stdout,
  );
  assert.match(partial.stdout, /value: "?quay\.io\/shop\/scanner/);
  const helped = assertDone(await rewrite(folder, '--manifests', '--extra', 'quay.io/shop/scanner:3.1'));
  assert.match(helped, /value: "?registry\.internal:5000\/quay\.io\/shop\/scanner/);
  assertDone(await rewrite(folder, '--ignore', 'quay.io/shop/scanner'));
});

test('as JSON: overrides, ways, leftovers with what to add; manifests only when they are proven', async (t) => {
  const folder = await folderWith(t, { ...chart, 'chart/templates/scanner.yaml': untagged });
  const run = await rewrite(folder, '--manifests', '--format', 'json');
  assert.equal(run.code, 1, run.stderr);
  const [release] = RewriteReport.parse(JSON.parse(run.stdout)).releases;
  assert.deepEqual([release?.proven, release?.manifests], [false, undefined]);
  assert.deepEqual(release?.overrides, {
    images: ['registry.internal:5000/quay.io/shop/api:1.0', 'registry.internal:5000/docker.io/library/redis:7.0.5'],
  });
  assert.deepEqual(
    release?.images.find(({ reference }) => reference.startsWith('ghcr.io')),
    { reference: 'ghcr.io/shop/worker:2.0', places: 1, rewritable: 'post-render' },
  );
  assert.equal(release?.leftovers[0]?.fix, '--extra quay.io/shop/scanner:TAG');
});

test('a bundle, its volumes and its spec are rewritten for a site alike, with the values that the site adds', async (t) => {
  const { registry, folder } = await workshop(t);
  const values = `values:\n  shop:\n    - inline: { images: ["${registry.host}/shop/api:1.0", "${registry.host}/shop/api:1.0"] }\n    - secret: { name: shop-values }\n`;
  await writeFiles(folder, { 'site.yaml': siteYaml('registry.internal:5000', values) });
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const local = `registry.internal:5000/${registry.host.replace(':', '_')}/shop/api:1.0`;
  const { paths } = await splitFile(join(folder, 'shop.tar'), join(folder, 'one'), 40_000);
  await mkdir(join(folder, 'two'));
  await rename(paths[1] ?? '', join(folder, 'two/shop.tar.002'));
  for (const source of [['shop.tar'], ['bundle.yaml'], ['one/shop.tar.001', '--volumes', 'two']]) {
    const run = await runCli(['rewrite', ...source, '--site', 'site.yaml'], { folder });
    assert.deepEqual(parseYaml11(assertDone(run)), [{ images: [local, local] }], source.join(' '));
    assert.match(run.stderr, /note: Secret shop-values is read behind the gap/);
  }
});
