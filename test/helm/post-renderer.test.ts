import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import type { Helm } from '../../helm/helm.ts';
import { failureFile, type PostRender, ruleVariable } from '../../helm/post-render/post-render-rule.ts';
import { layPostRenderer } from '../../helm/post-render/post-renderer-plugin.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf, tempFolder } from './packed-chart.ts';

const local = 'registry.internal:5000/docker.io/library/redis:7';
const files = {
  'templates/all.yaml': `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  # as it was
  containers: [{name: main, image: 'redis:7', resources: {limits: {cpu: 1.10}}}]
---apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-install}}
spec: {template: {spec: {containers: [{name: main, image: 'redis:7'}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: check, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: main, image: 'redis:7'}]}
`,
};

async function run(t: TestContext, helm: Helm, verb: readonly string[], rule: Partial<PostRender> = {}) {
  const { name, chart } = await releaseOf(t, await chartFolder(t, files));
  const whole = { images: { 'redis:7': local }, hooks: helm.major === 4, ...rule };
  const { args, env, failure } = await layPostRenderer(helm, whole, { folder: await tempFolder(t), name, signal: t.signal });
  return { ...(await helm.run([...verb, name, chart, ...args], { signal: t.signal, env })), failure: await failure() };
}

/** The image of each object by its name. */
function images(stream: string): Readonly<Record<string, string>> {
  const documents = stream.split(/^---$/m).slice(1);
  return Object.fromEntries(
    documents.map((document) => [
      /name: (?<name>web|migrate|check)/.exec(document)?.groups?.name,
      /image: '?"?(?<image>[^'",}]*)/.exec(document)?.groups?.image,
    ]),
  );
}

for (const helm of await helmsUnderTest()) {
  const hook = helm.major === 4 ? local : 'redis:7';

  test(`helm ${helm.version} template goes through the post-renderer${helm.major === 4 ? ', hooks and tests too' : ', without hooks'}`, async (t) => {
    const { exitCode, stdout, stderr } = await run(t, helm, ['template']);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(images(stdout), { web: local, migrate: hook, check: hook });
    assert.match(stdout, / {2}# as it was\n.*cpu: 1\.10/);
    assert.match(stdout, /# Source: shop\/templates\/all\.yaml/);
    assert.doesNotMatch(stdout, /postrender-filename/);
  });

  test(`helm ${helm.version}: a rule that cannot be read ends helm, with the reason`, async (t) => {
    const { exitCode, stdout, failure } = await run(t, helm, ['template'], { images: null as never });
    assert.notEqual(exitCode, 0);
    assert.equal(stdout, '');
    assert.match(failure, /error: post-renderer: .*null/);
  });
}

test('the reason of an earlier failure is not told again', async (t) => {
  const folder = await tempFolder(t);
  const rule = { images: {}, hooks: true };
  const lay = () => layPostRenderer({ major: 4 }, rule, { folder, name: 'shop', signal: t.signal });
  const { env, failure } = await lay();
  await writeFile(failureFile(env[ruleVariable] ?? ''), 'error: of the first run');
  assert.equal(await failure(), 'error: of the first run');
  assert.equal(await (await lay()).failure(), '');
});
