import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { discoverRelease } from '../../helm/discover.ts';
import type { Helm } from '../../helm/helm.ts';
import { readManifests } from '../../helm/manifest-stream.ts';
import { type Rewrite, rewriteRelease } from '../../helm/prove.ts';
import { podSpecOf, pullSecretsOf } from '../../helm/pull-secrets/pod-specs.ts';
import { patchCommand } from '../../helm/pull-secrets/pull-secrets.ts';
import { helmsUnderTest } from './helms.ts';
import { releaseOf } from './packed-chart.ts';

const charts = join(import.meta.dirname, '../charts');
const target = { host: 'registry.internal:5000', prefix: '' };

interface PullSecretCase {
  readonly chart: string;
  readonly shape: string;
  readonly values?: string;
  /** The overrides, images aside. */
  readonly overrides: Values;
  /** Renders of the rewrite, the proof included. */
  readonly renders: number;
  /** Pods that the post-renderer serves. */
  readonly postRendered: readonly string[];
}

const cases: readonly PullSecretCase[] = [
  {
    chart: 'pull-secrets-by-values',
    shape: 'lists of maps and of names, beside what is there, through an account, in a hook',
    overrides: {
      imagePullSecrets: [{ name: 'registry' }],
      worker: { pullSecrets: ['own', 'registry'] },
      serviceAccount: { imagePullSecrets: [{ name: 'registry' }] },
      hook: { image: { pullSecrets: ['registry'] } },
    },
    renders: 4,
    postRendered: [],
  },
  {
    chart: 'pull-secrets-by-one-global',
    shape: 'one path that reaches the pods of all charts wins over one for each',
    overrides: { global: { imagePullSecrets: [{ name: 'registry' }] } },
    renders: 2,
    postRendered: [],
  },
  {
    chart: 'pull-secrets-in-other-spellings',
    shape:
      'a single name, names with commas, a map, null, a key of templates alone, a custom resource; a name that is taken stays',
    overrides: {
      one: { imagePullSecret: 'registry' },
      many: { imagePullSecrets: 'a,b,registry' },
      map: { imagePullSecret: { name: 'registry' } },
      nothing: { imagePullSecrets: ['registry'] },
      unset: { pullSecrets: ['registry'] },
      database: { pullSecrets: [{ name: 'registry' }] },
    },
    renders: 3,
    postRendered: ['Pod/taken'],
  },
  {
    chart: 'pull-secrets-refused',
    shape: 'a schema that takes names only, and a key that the chart has done away with',
    overrides: { imagePullSecrets: ['registry'] },
    renders: 4,
    postRendered: [],
  },
  {
    chart: 'pull-secrets-by-values',
    shape: 'values that have it already cost no render',
    values:
      '{imagePullSecrets: [{name: registry}], worker: {pullSecrets: [registry]}, serviceAccount: {imagePullSecrets: [{name: registry}]}, hook: {image: {pullSecrets: [registry]}}}',
    overrides: {},
    renders: 1,
    postRendered: [],
  },
];

async function rewriteOf(t: TestContext, helm: Helm, chart: string, values?: string): Promise<Rewrite> {
  const release = await releaseOf(t, join(charts, chart), values === undefined ? [] : [values]);
  const discovery = await discoverRelease(helm, release, { kubernetes: ['1.36'], paths: [], ignore: [], signal: t.signal });
  return rewriteRelease(helm, release, discovery, target, { ignore: [], pullSecret: 'registry', signal: t.signal });
}

function secretsByPod(rewrite: Rewrite): [string, readonly string[]][] {
  const objects = readManifests(rewrite.manifests());
  return objects.flatMap((object) => {
    const pod = podSpecOf(object);
    return pod === undefined ? [] : [[`${object.kind}/${object.name.replace(/-.*/, '')}`, pullSecretsOf(pod.spec)]];
  });
}

for (const helm of await helmsUnderTest()) {
  for (const { chart, shape, values, ...expected } of cases) {
    test(`helm ${helm.version}, ${chart}: ${shape}`, async (t) => {
      const rewrite = await rewriteOf(t, helm, chart, values);
      const { image: _, ...overrides } = rewrite.overrides;
      assert.deepEqual(overrides, expected.overrides);
      assert.deepEqual(
        rewrite.postRender.pullSecret?.pods.map(({ kind, name }) => `${kind}/${name}`) ?? [],
        expected.postRendered,
      );
      assert.deepEqual([rewrite.leftovers, rewrite.pullSecretLeft], [[], []]);
      assert.equal(rewrite.renders, expected.renders);
    });
  }

  test(`helm ${helm.version}: pods that no value reaches get it by post-renderer, and what that does not reach is named`, async (t) => {
    const rewrite = await rewriteOf(t, helm, 'pull-secrets-out-of-reach');
    const hook = { kind: 'Job', name: 'migrate' };
    assert.deepEqual(rewrite.postRender.pullSecret?.pods, [{ kind: 'Pod', name: 'web-*' }, ...(helm.major === 4 ? [hook] : [])]);
    assert.deepEqual(secretsByPod(rewrite), [
      ['Pod/web', ['registry']],
      ['Job/migrate', helm.major === 4 ? ['registry', 'own'] : ['own']],
    ]);
    const resource = {
      pod: { kind: 'Database', name: 'orders', namespace: 'data' },
      namespace: 'data',
      serviceAccount: 'keeper',
    };
    const left = helm.major === 4 ? [] : [{ pod: hook, namespace: 'web', serviceAccount: 'migrator' }];
    assert.deepEqual(rewrite.pullSecretLeft, [...left, resource]);
  });
}

test('the command that helps a pod out gives the Secret to its account', () => {
  const gap = { pod: { kind: 'Job', name: 'migrate' }, namespace: 'web', serviceAccount: 'migrator' };
  assert.equal(
    patchCommand(gap, 'registry'),
    `kubectl -n web patch serviceaccount migrator -p '{"imagePullSecrets":[{"name":"registry"}]}'`,
  );
});
