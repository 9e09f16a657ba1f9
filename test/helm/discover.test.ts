import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { discoverRelease } from '../../helm/discover.ts';
import { rewriteUnproven } from '../../helm/leftovers.ts';
import { rewriteRelease } from '../../helm/prove.ts';
import { chartCases, chartsFolder } from './chart-cases.ts';
import { foundIn, leftIn, notByValues } from './chart-outcome.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

const target = { host: 'registry.internal:5000', prefix: 'mirror' };
const deployed = { kubernetes: ['1.36'], paths: [], ignore: [] };
const pod = (name: string, image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: main, image: ${image}}]}\n`;

for (const helm of await helmsUnderTest()) {
  describe(`helm ${helm.version}, every shape`, { concurrency: 2 }, () => {
    for (const { chart, shape, kubernetes, ...expected } of chartCases) {
      test(`${chart}: ${shape}`, async (t) => {
        const options = { ...deployed, kubernetes, signal: t.signal };
        const release = await releaseOf(t, join(chartsFolder, chart));
        const discovery = await discoverRelease(helm, release, options);
        const rewrite = await rewriteRelease(helm, release, discovery, target, options);
        const { rewritable, left, leftByHelm3 = left } = expected;
        assert.deepEqual(foundIn(discovery), expected.found);
        assert.deepEqual(rewrite.overrides, expected.overrides);
        assert.deepEqual(leftIn(rewrite), helm.major === 3 ? leftByHelm3 : left);
        if (leftByHelm3 === left) assert.deepEqual(notByValues(rewrite), rewritable);
        assert.equal(discovery.renders, expected.renders);
      });
    }
  });

  test(`helm ${helm.version}: the image of a values layer is found and rewritten like one of the chart`, async (t) => {
    const directory = await chartFolder(t, { 'templates/pod.yaml': pod('api', '"{{ .Values.image }}"') });
    const release = await releaseOf(t, directory, ['image: quay.io/shop/api:1', 'image: quay.io/shop/api:2']);
    const discovery = await discoverRelease(helm, release, { ...deployed, signal: t.signal });
    assert.deepEqual(
      discovery.references.map(({ reference }) => reference),
      ['quay.io/shop/api:2'],
    );
    const { overrides, leftovers } = await rewriteRelease(
      helm,
      release,
      discovery,
      { host: 'r.internal', prefix: '' },
      { ignore: [], signal: t.signal },
    );
    assert.deepEqual({ overrides, leftovers }, { overrides: { image: 'r.internal/quay.io/shop/api:2' }, leftovers: [] });
  });

  test(`helm ${helm.version}: ignored references neither travel nor are rewritten, by tag or by repository`, async (t) => {
    const release = await releaseOf(t, join(chartsFolder, 'lists'));
    const options = { ...deployed, ignore: ['quay.io/shop/one', 'two:2', 'shop/search:9'], signal: t.signal };
    const discovery = await discoverRelease(helm, release, options);
    const { overrides, leftovers } = await rewriteRelease(helm, release, discovery, target, options);
    const found = discovery.references.map(({ reference }) => reference);
    assert.deepEqual(found, [
      'docker.io/shop/search:2',
      'quay.io/shop/exporter:0.9',
      'quay.io/shop/helper:0.1',
      'quay.io/shop/mail:3',
    ]);
    assert.deepEqual({ images: overrides.images, leftovers }, { images: undefined, leftovers: [] });
  });

  test(`helm ${helm.version}: what is left over names object, path, reference, template and the line to add, and adding it works`, async (t) => {
    const release = await releaseOf(t, join(chartsFolder, 'hard-coded'));
    const prove = async (ignore: readonly string[]) => {
      const discovery = await discoverRelease(helm, release, { ...deployed, ignore, signal: t.signal });
      return rewriteRelease(helm, release, discovery, target, { ignore, installedBy: 3, signal: t.signal });
    };
    const { leftovers } = await prove([]);
    const { code, message, hint } = rewriteUnproven(leftovers);
    assert.equal(code, 'REWRITE_UNPROVEN');
    assert.match(
      message,
      /Pod probe-\*, spec\.containers\[0\]\.image: curlimages\/curl \(hard-coded\/templates\/tests\/test\.yaml\)/,
    );
    assert.match(hint ?? '', /images: \{ignore: \["docker\.io\/curlimages\/curl:latest"\]\}/);
    const ignore = leftovers.map(({ specLine }) => /"(.*)"/.exec(specLine)?.[1] ?? '');
    assert.deepEqual((await prove(ignore)).leftovers, []);
  });

  test(`helm ${helm.version}: images.extra tells the tag of a repository that a program completes`, async (t) => {
    const release = await releaseOf(t, join(chartsFolder, 'artifacts-without-tag'));
    const options = {
      ...deployed,
      extra: ['ghcr.io/scan/db:2', 'mirror.example.com/scan/db:2', 'mirror.gcr.io/scan/java-db:1', 'ghcr.io/scan/sidecar:1'],
      ignore: ['quay.io/op/operator'],
      signal: t.signal,
    };
    const discovery = await discoverRelease(helm, release, options);
    const { overrides, leftovers } = await rewriteRelease(helm, release, discovery, target, options);
    assert.deepEqual(leftovers, []);
    assert.deepEqual(overrides.dbRepository, [
      'registry.internal:5000/mirror/ghcr.io/scan/db',
      'registry.internal:5000/mirror/mirror.example.com/scan/db',
    ]);
  });

  test(`helm ${helm.version}: images.paths brings a path that nothing else gives away`, async (t) => {
    const directory = await chartFolder(t, {
      'values.yaml': 'parts: {where: "", what: team/api}\n',
      'templates/pod.yaml': pod(
        'api',
        '"{{ with .Values.parts.where }}{{ . }}/{{ end }}{{ .Values.parts.what | replace "team" "shop" }}:1"',
      ),
    });
    const release = await releaseOf(t, directory);
    for (const [paths, rewritable] of [
      [[], 'post-render'],
      [['parts.where'], 'values'],
    ] as const) {
      const options = { ...deployed, paths, signal: t.signal };
      const discovery = await discoverRelease(helm, release, options);
      const rewrite = await rewriteRelease(helm, release, discovery, target, options);
      assert.deepEqual([...rewrite.rewritable.values()], [rewritable]);
    }
  });

  test(`helm ${helm.version}: a subchart that refuses other registries is told by the global of its parent`, async (t) => {
    const directory = await chartFolder(t, {});
    await cp(join(chartsFolder, 'refuses-other-registries'), join(directory, 'charts/db'), { recursive: true });
    const release = await releaseOf(t, directory);
    const discovery = await discoverRelease(helm, release, { ...deployed, signal: t.signal });
    const { overrides, leftovers } = await rewriteRelease(helm, release, discovery, target, { ignore: [], signal: t.signal });
    assert.deepEqual(leftovers, []);
    assert.deepEqual(overrides, {
      global: { security: { allowInsecureImages: true } },
      'refuses-other-registries': { image: { registry: 'registry.internal:5000/mirror/docker.io' } },
    });
  });

  test(`helm ${helm.version}: a pod image that is no reference is an error that names it`, async (t) => {
    const directory = await chartFolder(t, { 'templates/pod.yaml': pod('api', '"{{ .Values.image }}:1.0"') });
    const discovery = discoverRelease(helm, await releaseOf(t, directory), { ...deployed, signal: t.signal });
    await assert.rejects(discovery, { code: 'REFERENCE_INVALID', message: /Pod api, spec\.containers\[0\]\.image .*":1\.0"/ });
  });

  test(`helm ${helm.version}: kinds are those an install creates, with the namespaces that the chart sets`, async (t) => {
    const release = await releaseOf(t, join(chartsFolder, 'hard-coded'));
    const { kinds } = await discoverRelease(helm, release, { ...deployed, signal: t.signal });
    assert.deepEqual(kinds, [
      { apiVersion: 'batch/v1', kind: 'Job', namespace: 'shop-system' },
      { apiVersion: 'v1', kind: 'Pod' },
    ]);
  });
}
