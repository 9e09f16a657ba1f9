import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packChart } from '../../helm/charts/package-chart.ts';
import { openHelm } from '../../helm/helm.ts';
import { digestOf } from '../../images/digest.ts';
import { surveyCache, surveyKey, userCache } from '../../src/survey-cache.ts';
import { type ReleaseSurvey, type SurveyInput, surveyRelease } from '../../src/survey-release.ts';
import { anyHelm } from '../helm/helms.ts';
import { chartFolder, tempFolder } from '../helm/packed-chart.ts';

const word = 'correct-horse-battery';

/** A chart that prints its password wherever it can: into a Secret, an argument, a failure behind a switch. */
const files = {
  'values.yaml': `image: redis:7.0.5\npassword: ${word}\nstrict: false\n`,
  'templates/all.yaml': `apiVersion: v1
kind: Secret
metadata: { name: shop }
data: { password: {{ .Values.password | b64enc }} }
---
apiVersion: v1
kind: Pod
metadata: { name: shop }
spec:
  containers:
    - { name: c, image: "{{ .Values.image }}", args: ["--password={{ .Values.password }}"] }
{{ if .Values.strict }}{{ fail (printf "%s is too short a password" .Values.password) }}{{ end }}
`,
};

async function inputOf(t: TestContext): Promise<SurveyInput> {
  const bytes = await packChart(await chartFolder(t, files), { signal: t.signal });
  return {
    name: 'shop',
    namespace: 'web',
    chart: { name: 'shop', version: '1.0.0', bytes, digest: digestOf(bytes) },
    values: [{ name: 'values.yaml', text: `password: ${word}-mine\n` }],
    profiles: new Map(),
    kubernetes: ['1.36'],
    paths: [],
    ignore: [],
    extra: [],
  };
}

const helmHere = async (t: TestContext) => openHelm(await anyHelm(), { signal: t.signal });
const lasting = ({ renders: _, seconds: __, ...survey }: ReleaseSurvey) => survey;

test('a survey of the same input renders nothing, and says the same', async (t) => {
  const [helm, input, folder] = [await helmHere(t), await inputOf(t), join(await tempFolder(t), 'deep/surveys')];
  const options = { gates: true, cache: surveyCache(folder), signal: t.signal };
  const first = await surveyRelease(helm, input, options);
  assert.ok(first.renders > 0);
  assert.deepEqual(
    first.images.map(({ reference }) => reference),
    ['docker.io/library/redis:7.0.5'],
  );
  const second = await surveyRelease(helm, input, options);
  assert.equal(second.renders, 0);
  assert.deepEqual(lasting(second), lasting(first));
  const [name = ''] = await readdir(folder);

  await t.test('whose file only its owner can read, and which holds no value', async () => {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    const text = await readFile(join(folder, name), 'utf8');
    for (const secret of [word, Buffer.from(word).toString('base64').slice(0, 20)]) assert.ok(!text.includes(secret), text);
  });

  for (const [what, spoil] of [
    ['cut', (text: string) => text.slice(0, -10)],
    ['changed', (text: string) => text.replace('redis:7.0.5', 'redis:7.0.6')],
    ['emptied', () => ''],
  ] as const) {
    await t.test(`a file that was ${what} is made anew`, async () => {
      await writeFile(join(folder, name), spoil(await readFile(join(folder, name), 'utf8')));
      const again = await surveyRelease(helm, input, options);
      assert.ok(again.renders > 0);
      assert.deepEqual(lasting(again), lasting(first));
      assert.equal((await surveyRelease(helm, input, options)).renders, 0);
    });
  }
});

test('a cache that cannot be written is none', async (t) => {
  const [helm, input, folder] = [await helmHere(t), await inputOf(t), await tempFolder(t)];
  await writeFile(join(folder, 'surveys'), 'a file');
  const cache = surveyCache(join(folder, 'surveys'));
  const survey = await surveyRelease(helm, input, { gates: false, cache, signal: t.signal });
  assert.equal(survey.images.length, 1);
});

test('whatever a survey depends on is part of its key', async (t) => {
  const input = await inputOf(t);
  const helm = { version: '4.2.4' };
  const layer = { name: 'values.yaml', text: 'a: 1\n' };
  const keys = [
    surveyKey(helm, input, { gates: true }),
    surveyKey({ version: '4.2.5' }, input, { gates: true }),
    surveyKey(helm, input, { gates: false }),
    ...[
      { name: 'other' },
      { namespace: 'other' },
      { chart: { ...input.chart, digest: digestOf(Buffer.from('other')) } },
      { values: [layer] },
      { values: [layer, layer] },
      { profiles: new Map([['all', [layer]]]) },
      { profiles: new Map([['some', [layer]]]) },
      { kubernetes: ['1.35'] },
      { apiVersions: ['a/v1'] },
      { paths: ['image'] },
      { ignore: ['image'] },
      { extra: ['image'] },
      { gated: 'include' as const },
      { gated: ['include'] },
    ].map((other) => surveyKey(helm, { ...input, ...other }, { gates: true })),
  ];
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(surveyKey({ ...helm }, { ...input, chart: { ...input.chart } }, { gates: true }), keys[0]);
});

test('what was not used for a month goes, and so does the oldest of too many', async (t) => {
  const folder = await tempFolder(t);
  await mkdir(folder, { recursive: true });
  const days = (count: number) => new Date(Date.now() - count * 24 * 60 * 60 * 1000);
  for (const [name, age] of [
    ...Array.from({ length: 305 }, (_, index) => [`n${index}`, 1 + index / 1000] as const),
    ['old', 31] as const,
  ]) {
    await writeFile(join(folder, name), '');
    await utimes(join(folder, name), days(age), days(age));
  }
  const survey = { release: 'shop', chart: { name: 'shop', version: '1' }, images: [], leftovers: [], findings: [], kinds: [] };
  await surveyCache(folder).store('new', survey);
  const left = await readdir(folder);
  assert.equal(left.length, 300);
  assert.ok(left.includes('new') && left.includes('n0') && !left.includes('old') && !left.includes('n304'));
});

test('the cache is where the user has caches, or nowhere', async (t) => {
  const folder = await tempFolder(t);
  const survey = { release: 'shop', chart: { name: 'shop', version: '1' }, images: [], leftovers: [], findings: [], kinds: [] };
  const before = { ...process.env };
  t.after(() => Object.assign(process.env, before));
  const cacheWith = (env: Readonly<Record<string, string>>) => {
    for (const name of ['HOME', 'XDG_CACHE_HOME', 'DIOLKOS_CACHE']) delete process.env[name];
    Object.assign(process.env, env);
    return userCache();
  };
  await cacheWith({ HOME: folder, XDG_CACHE_HOME: 'relative' })?.store('a', survey);
  await cacheWith({ HOME: '/nonexistent', XDG_CACHE_HOME: join(folder, 'xdg') })?.store('b', survey);
  assert.deepEqual(await readdir(join(folder, '.cache/diolkos/surveys')), ['a']);
  assert.deepEqual(await readdir(join(folder, 'xdg/diolkos/surveys')), ['b']);
  assert.equal(cacheWith({}), undefined);
  assert.equal(cacheWith({ HOME: folder, DIOLKOS_CACHE: 'off' }), undefined);
});
