import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { type UpgradeCall, upgradeCall } from '../../job/helm-upgrade.ts';
import { chartFolder, releaseOf, tempFolder } from '../helm/packed-chart.ts';

const overrides = { image: { repository: 'registry.internal/web' } };
const nothing = { images: {}, hooks: true };

async function call(
  t: TestContext,
  major: 3 | 4,
  { files = {}, postRender = nothing }: { files?: Record<string, string>; postRender?: typeof nothing } = {},
): Promise<UpgradeCall> {
  const helm = await releaseOf(t, await chartFolder(t, files), ['a: 1\n', 'a: 2\n']);
  const options = { folder: await tempFolder(t), timeoutSeconds: 90, holder: 'pod-1', bundle: 'shop', signal: t.signal };
  return await upgradeCall({ major }, { helm, overrides, postRender }, options);
}

test('values go to helm as files of this user only, the rewrite last', async (t) => {
  const { args, fileNames } = await call(t, 4);
  const files = args.filter((arg) => arg.startsWith('--values=')).map((arg) => arg.slice('--values='.length));
  assert.deepEqual(await Promise.all(files.map((file) => readFile(file, 'utf8'))), [
    'a: 1\n',
    'a: 2\n',
    JSON.stringify(overrides, null, 2),
  ]);
  assert.deepEqual(
    files.map((file) => fileNames.get(file)),
    ['values 1', 'values 2', 'the generated rewrite'],
  );
  for (const file of files) assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok(args.includes('--labels=diolkos.dev/bundle=shop,diolkos.dev/holder=pod-1'));
  assert.ok(args.includes('--timeout=90s'));
  assert.ok(args.includes('--reset-values'));
});

for (const { major, wait, postRenderer } of [
  { major: 3, wait: '--wait', postRenderer: `--post-renderer=${process.execPath}` },
  { major: 4, wait: '--wait=watcher', postRenderer: '--post-renderer=diolkos-post-renderer' },
] as const) {
  test(`helm ${major} waits by ${wait}`, async (t) => {
    assert.ok((await call(t, major)).args.includes(wait));
  });

  test(`helm ${major} gets the post-renderer its own way, and only when there is something to change`, async (t) => {
    const postRender = { images: { redis: 'registry.internal/docker.io/library/redis' }, hooks: true };
    const { args, env } = await call(t, major, { postRender });
    assert.ok(args.includes(postRenderer), args.join(' '));
    assert.deepEqual(JSON.parse(await readFile(env.DIOLKOS_POST_RENDER ?? '', 'utf8')), postRender);
    const idle = await call(t, major);
    assert.deepEqual([idle.args.filter((arg) => arg.includes('post-renderer')), idle.env], [[], {}]);
  });
}

test('a schema that refers to the internet is not checked behind the gap, any other is', async (t) => {
  const schema = (address: string): Record<string, string> => ({ 'values.schema.json': JSON.stringify({ $ref: address }) });
  const skips = async (address: string): Promise<boolean> =>
    (await call(t, 4, { files: schema(address) })).args.includes('--skip-schema-validation');
  assert.deepEqual([await skips('https://example.com/values.json'), await skips('#/definitions/values')], [true, false]);
});
