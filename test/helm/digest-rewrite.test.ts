import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Digest } from '../../bundle-spec/names.ts';
import { discoverRelease } from '../../helm/discover.ts';
import type { Helm } from '../../helm/helm.ts';
import { type Rewrite, rewriteRelease } from '../../helm/prove.ts';
import { chartsFolder } from './chart-cases.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

const target = { host: 'r.internal', prefix: '' };
const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const [a, b] = [digest('a'), digest('b')];
/** What the bundle of these tests stores: `sha256:aaaa…` as `sha256:1111…`. */
const stored = new Map(['a', 'b', 'c', 'd'].map((letter, index) => [digest(letter), digest(String(index + 1))]));

async function rewriteChart(t: TestContext, helm: Helm, folder: string, { ignore = [] as string[], kubernetes = ['1.36'] } = {}) {
  const release = await releaseOf(t, folder);
  const options = { ignore, signal: t.signal };
  const discovery = await discoverRelease(helm, release, { ...options, kubernetes, paths: [] });
  const moving = discovery.rewrite.flatMap((rewrite) => ('digest' in rewrite ? [rewrite.digest] : [])).sort();
  const rewriteWith = (digests: ReadonlyMap<Digest, Digest>): Promise<Rewrite> =>
    rewriteRelease(helm, release, discovery, target, { ...options, digests, installedBy: 4 });
  return { moving, rewriteWith, renders: discovery.renders };
}

const pod = (image: string) => `apiVersion: v1
kind: Pod
metadata: {name: api}
spec: {containers: [{name: main, image: "${image}"}]}
`;
const whole = pod('{{ .Values.repository }}:1@{{ .Values.digest }}');
const values = `repository: quay.io/shop/api\ndigest: "${a}"\n`;

/** Charts by which a value is changed to bring another digest, in its own spelling. */
const spellings: readonly (readonly [chart: string, overrides: unknown])[] = [
  ['digest-in-one-string', { image: `r.internal/quay.io/shop/api:1@${digest('1')}` }],
  ['digest-bare-hex', { image: { repository: 'r.internal/quay.io/shop/api', sha: '1'.repeat(64) } }],
  ['digest-with-prefix', { image: { repository: 'r.internal/quay.io/shop/api', digest: digest('1') } }],
  ['digest-replaces-tag', { image: { registry: 'r.internal/quay.io', digest: digest('1') } }],
  ['digest-under-tag', { image: { repository: 'r.internal/quay.io/shop/api', tag: digest('1') } }],
  [
    'digest-rewritten-everywhere',
    {
      api: { image: { repository: 'r.internal/quay.io/shop/api', sha: '1'.repeat(64) } },
      workers: [
        { name: 'one', image: `r.internal/quay.io/shop/one@${digest('2')}` },
        { name: 'two', image: 'r.internal/quay.io/shop/two:2' },
      ],
      proxy: { registry: 'r.internal/ghcr.io', version: digest('3') },
      flags: `--wait --image=r.internal/quay.io/shop/job:3@${digest('4')} --retries=2`,
    },
  ],
];

/** Charts whose digest has to stay, and why. */
const staying: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly ignore?: string[];
}[] = [
  { name: 'it stands in the template', files: { 'templates/pod.yaml': pod(`{{ .Values.repository }}:1@${a}`) } },
  {
    name: 'the template knows it as well',
    files: { 'templates/pod.yaml': `${whole}---\n${pod(`quay.io/shop/api@${a}`).replace('name: api', 'name: copy')}` },
  },
  {
    name: 'a variable of the template holds it alone',
    files: { 'templates/pod.yaml': whole.replace('main,', `main, env: [{name: WANTED, value: "${a}"}],`) },
  },
  {
    name: 'the chart takes no other',
    files: { 'templates/pod.yaml': `{{ if ne .Values.digest "${a}" }}{{ fail "unknown" }}{{ end }}${whole}` },
  },
  {
    name: 'the chart decides by it',
    files: {
      'templates/pod.yaml': `${whole}---\n${pod(`quay.io/shop/web:{{ eq .Values.digest "${a}" | ternary 1 2 }}`).replace('name: api', 'name: web')}`,
    },
  },
  { name: 'it is of an image that does not travel', files: { 'templates/pod.yaml': whole }, ignore: ['quay.io/shop/api'] },
  {
    name: 'another minor has it in the template',
    files: {
      'templates/pod.yaml': `{{ if eq .Capabilities.KubeVersion.Minor "35" }}${pod(`{{ .Values.repository }}:1.1@${a}`)}{{ else }}${whole}{{ end }}`,
    },
  },
];

for (const helm of await helmsUnderTest()) {
  for (const [chart, overrides] of spellings) {
    test(`helm ${helm.version}: ${chart}: the values name the digest that is stored, and the proof shows it`, async (t) => {
      const { rewriteWith } = await rewriteChart(t, helm, join(chartsFolder, chart));
      const rewrite = await rewriteWith(stored);
      assert.deepEqual(rewrite.overrides, overrides);
      assert.deepEqual([rewrite.leftovers, rewrite.postRender.images], [[], {}]);
      assert.doesNotMatch(rewrite.manifests(), /a{64}|b{64}|c{64}|d{64}/);
    });
  }

  for (const { name, files, ignore } of staying) {
    test(`helm ${helm.version}: a digest stays when ${name}`, async (t) => {
      const folder = await chartFolder(t, { 'values.yaml': values, ...files });
      const { moving } = await rewriteChart(t, helm, folder, { kubernetes: ['1.36', '1.35'], ...(ignore && { ignore }) });
      assert.deepEqual(moving, []);
    });
  }

  test(`helm ${helm.version}: of two images, the one whose digest values decide everywhere moves`, async (t) => {
    const { moving, rewriteWith } = await rewriteChart(t, helm, join(chartsFolder, 'digest-rewritten-in-part'));
    assert.deepEqual(moving, [a]);
    const { leftovers, manifests } = await rewriteWith(new Map([[a, digest('1')]]));
    assert.deepEqual(leftovers, []);
    const images = [...manifests().matchAll(/image: "([^"]+)"/g)].map(([, image]) => image);
    const web = `r.internal/quay.io/shop/web:1@${b}`;
    assert.deepEqual(images.sort(), [`r.internal/quay.io/shop/api:1@${digest('1')}`, web, web]);
  });

  test(`helm ${helm.version}: a digest that a site's values put into a place of their own is left to the post-renderer`, async (t) => {
    const files = { 'values.yaml': values, 'templates/pod.yaml': pod(`{{ .Values.repository }}:1@${a}`) };
    const { rewriteWith } = await rewriteChart(t, helm, await chartFolder(t, files));
    const { leftovers, postRender, manifests } = await rewriteWith(stored);
    assert.deepEqual(leftovers, []);
    const local = 'r.internal/quay.io/shop/api:1';
    assert.deepEqual(postRender.images, { [`${local}@${a}`]: `${local}@${digest('1')}` });
    assert.match(manifests(), new RegExp(`image: "${local}@${digest('1')}"`));
  });

  test(`helm ${helm.version}: a digest from values below a name that the template has is brought by both`, async (t) => {
    const files = { 'values.yaml': `digest: "${a}"\n`, 'templates/pod.yaml': pod('quay.io/shop/api:1@{{ .Values.digest }}') };
    const { moving, rewriteWith } = await rewriteChart(t, helm, await chartFolder(t, files));
    assert.deepEqual(moving, [a]);
    const { leftovers, overrides, postRender } = await rewriteWith(stored);
    assert.deepEqual([leftovers, overrides], [[], { digest: digest('1') }]);
    assert.deepEqual(Object.values(postRender.images), [`r.internal/quay.io/shop/api:1@${digest('1')}`]);
  });

  test(`helm ${helm.version}: a release that pins no digest by values is not rendered for it`, async (t) => {
    const files = { 'values.yaml': 'image: quay.io/shop/api:1\n', 'templates/pod.yaml': pod('{{ .Values.image }}') };
    assert.equal((await rewriteChart(t, helm, await chartFolder(t, files))).renders, 2);
  });
}
