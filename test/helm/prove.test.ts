import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discoverRelease } from '../../helm/discover.ts';
import type { Helm } from '../../helm/helm.ts';
import { rewriteUnproven } from '../../helm/leftovers.ts';
import { readManifests } from '../../helm/manifest-stream.ts';
import { type Rewrite, type RewriteOptions, rewriteRelease } from '../../helm/prove.ts';
import { chartsFolder } from './chart-cases.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

const target = { host: 'registry.internal:5000', prefix: 'm' };
const pod = (name: string, container: string, annotations = '{}'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, annotations: ${annotations}}\nspec: {containers: [{name: main, ${container}}]}\n`;

const podWithPullSecrets = `apiVersion: v1
kind: Pod
metadata: {name: api}
spec:
  imagePullSecrets: [{{ range .Values.imagePullSecrets }}{name: "{{ . }}"},{{ end }}]
  containers:
    - name: main
      image: "{{ .Values.image }}"
      env:
        {{- with .Values.imagePullSecrets }}
        - {name: PULL_SECRETS, value: "{{ join "," . }}"}
        {{- end }}
        - {name: NEXT_IMAGE, value: "{{ .Values.image }}"}
`;

type Files = Readonly<Record<string, string>>;

async function rewriteOf(t: TestContext, helm: Helm, files: Files, options: Partial<RewriteOptions> = {}): Promise<Rewrite> {
  const release = await releaseOf(t, await chartFolder(t, files));
  const both = { ignore: [], signal: t.signal, ...options };
  const discovery = await discoverRelease(helm, release, { kubernetes: ['1.36'], paths: [], ...both });
  return rewriteRelease(helm, release, discovery, target, both);
}

for (const helm of await helmsUnderTest()) {
  test(`helm ${helm.version}: an image of values that a template writes out once more is half a case for the post-renderer`, async (t) => {
    const { overrides, rewritable, leftovers, manifests } = await rewriteOf(t, helm, {
      'values.yaml': 'image: quay.io/shop/api:1\nother: quay.io/shop/web:1\n',
      'templates/all.yaml': `${pod('api', 'image: "{{ .Values.image }}"')}---\n${pod('copy', 'image: quay.io/shop/api:1')}---\n${pod('web', 'image: "{{ .Values.other }}"')}`,
    });
    assert.deepEqual(leftovers, []);
    assert.deepEqual(overrides, {
      image: 'registry.internal:5000/m/quay.io/shop/api:1',
      other: 'registry.internal:5000/m/quay.io/shop/web:1',
    });
    assert.deepEqual([...rewritable].sort(), [
      ['quay.io/shop/api:1', 'post-render'],
      ['quay.io/shop/web:1', 'values'],
    ]);
    const stream = manifests();
    assert.equal(readManifests(stream).length, 3);
    assert.doesNotMatch(stream.replaceAll('registry.internal:5000/m/quay.io', ''), /quay\.io/);
  });

  test(`helm ${helm.version}: a registry that a program puts names behind is told, and rewritten once images.extra has one of them`, async (t) => {
    const release = await releaseOf(t, join(chartsFolder, 'registry-alone'));
    const prove = async (extra: readonly string[]) => {
      const options = { ignore: [], extra, signal: t.signal };
      const discovery = await discoverRelease(helm, release, { kubernetes: ['1.36'], paths: [], ...options });
      return rewriteRelease(helm, release, discovery, target, options);
    };
    const told = async (extra: readonly string[]) =>
      (await prove(extra)).findings.map(({ code, message }) => `${code} ${message.replace(/: .*[;,]/, ':')}`);
    assert.deepEqual(await told([]), [
      'REGISTRY_IN_CONFIG container-registry of ConfigMap/config is docker.elastic.co: config.containerRegistry holds it',
      'REGISTRY_IN_CONFIG --default-registry of Pod/operator is ghcr.io: and no value is proven to hold it',
    ]);
    const { overrides, leftovers, manifests, findings } = await prove(['docker.elastic.co/elasticsearch/elasticsearch:9.1.0']);
    assert.deepEqual(
      [overrides.config, leftovers, findings.length],
      [{ containerRegistry: 'registry.internal:5000/m/docker.elastic.co' }, [], 1],
    );
    assert.match(manifests(), /container-registry: registry\.internal:5000\/m\/docker\.elastic\.co$/m);
  });

  test(`helm ${helm.version}: the account that a leftover begins with is not told once more`, async (t) => {
    const { leftovers, findings } = await rewriteOf(t, helm, {
      'values.yaml': 'repo: quay.io/shop\n',
      'templates/pod.yaml': pod(
        'api',
        'image: "quay.io/shop/api:1.0", env: [{name: DB_REPO_URL, value: "{{ .Values.repo }}"}, {name: DB_IMAGE, value: db}]',
      ),
    });
    assert.deepEqual(
      leftovers.map(({ reason, reference }) => `${reason} ${reference}`),
      ['untagged quay.io/shop/db'],
    );
    assert.deepEqual(findings, []);
  });

  test(`helm ${helm.version}: a repository whose tag a program completes becomes local once images.extra says which it is`, async (t) => {
    const files = {
      'templates/pod.yaml': pod('scanner', 'image: quay.io/shop/scan:1, env: [{name: DB_REPOSITORY, value: ghcr.io/scan/db}]'),
    };
    const left = await rewriteOf(t, helm, files);
    assert.deepEqual(
      left.leftovers.map(({ reason, specLine }) => [reason, specLine]),
      [['untagged', 'images: {extra: ["ghcr.io/scan/db:TAG"]}']],
    );
    const { leftovers, manifests } = await rewriteOf(t, helm, files, { extra: ['ghcr.io/scan/db:2'] });
    assert.deepEqual(leftovers, []);
    assert.match(manifests(), /value: registry\.internal:5000\/m\/ghcr\.io\/scan\/db\}/);
  });

  test(`helm ${helm.version}: an image that a hook has in its template is rewritten where helm sends hooks through the post-renderer`, async (t) => {
    const files = { 'templates/hook.yaml': pod('prepare', 'image: quay.io/shop/job:1', '{helm.sh/hook: pre-install}') };
    const four = await rewriteOf(t, helm, files, { installedBy: 4 });
    assert.deepEqual([[...four.rewritable.values()], four.leftovers], [['post-render'], []]);
    const three = await rewriteOf(t, helm, files, { installedBy: 3 });
    assert.deepEqual([...three.rewritable.values()], ['no']);
    assert.match(rewriteUnproven(three.leftovers).hint ?? '', /images\.paths.*images: \{ignore: .*Helm 4/);
    assert.match(three.manifests(), /image: quay\.io\/shop\/job:1/);
  });

  test(`helm ${helm.version}: a variable that comes in front when a pull secret is set moves no place`, async (t) => {
    const files = {
      'values.yaml': 'image: quay.io/shop/api:1\nimagePullSecrets: []\n',
      'templates/pod.yaml': podWithPullSecrets,
    };
    const { leftovers, overrides, postRender } = await rewriteOf(t, helm, files, { pullSecret: 'site' });
    assert.deepEqual(leftovers, []);
    assert.deepEqual(overrides, { image: 'registry.internal:5000/m/quay.io/shop/api:1', imagePullSecrets: ['site'] });
    assert.deepEqual(postRender.images, {});
  });

  test(`helm ${helm.version}: a host for all takes the place of the keys that would write it twice`, async (t) => {
    const host = '{{ with .Values.global.registry }}{{ . }}/{{ end }}';
    const { leftovers, overrides, postRender } = await rewriteOf(t, helm, {
      'values.yaml': 'global: {registry: ""}\napi: {repository: shop/api, tag: 1.0.0}\n',
      'templates/all.yaml': `${pod('api', `image: "${host}{{ .Values.api.repository }}:1.0.0"`)}---\n${pod('base', `image: "${host}shop/base:2"`)}`,
    });
    assert.deepEqual([leftovers, postRender.images], [[], {}]);
    assert.deepEqual(overrides, { global: { registry: 'registry.internal:5000/m/docker.io' } });
  });

  test(`helm ${helm.version}: a chart that writes the host twice when told gets what it needs after rendering`, async (t) => {
    const { leftovers, manifests } = await rewriteOf(t, helm, {
      'values.yaml': 'image: {repository: quay.io/shop/api, tag: 1.0}\n',
      'templates/pod.yaml': pod(
        'api',
        'image: "{{ if contains `registry.internal` .Values.image.repository }}twice.example.com/{{ end }}{{ .Values.image.repository }}:1.0"',
      ),
    });
    assert.deepEqual(leftovers, []);
    assert.match(manifests(), /image: "registry\.internal:5000\/m\/quay\.io\/shop\/api:1\.0"/);
  });
}
