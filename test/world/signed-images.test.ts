/** Signatures and attestations that cosign makes at the source, and checks at the target. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { attempt, type CommandResult, run } from '../../build/command.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { plannedBundle } from '../images/planned-bundle.ts';
import { tempDir } from '../images/sample-bundle.ts';
import { startMemoryRegistry } from '../registries/memory-registry.ts';
import { pushSample, sampleIndex } from '../registries/sample-images.ts';
import { startRegistry } from '../registries/start-registry.ts';
import { makers } from './machine/tools.ts';

const cosign = await makers.cosign({});
const env = { ...process.env, COSIGN_PASSWORD: 'correct horse battery' };
const offline = ['--allow-http-registry', '--key'];

/** What cosign 3 writes by default, and cosign 2 wrote: a referrer of the digest, or a tag that names it. */
const formats = [
  { name: 'a referrer', flags: [] },
  { name: 'a tag', flags: ['--new-bundle-format=false'] },
];

for (const { name, flags } of formats) {
  test(`cosign finds its signature, ${name}, at a target without the referrers API and at one with it`, async (t) => {
    const world = await signedImage(t, flags);
    for (const target of [await distribution(t), await memory(t)]) {
      for (const sparse of [true, false]) {
        const image = { reference: 'r.io/shop/api:1', attached: 'all', sparse } as const;
        const { bundle, plans } = await plannedBundle(t, world.registry, [image], ['linux/amd64']);
        const prefix = sparse ? 'whole' : 'platform';
        assert.deepEqual(
          plans.map(({ mode }) => mode),
          [sparse ? 'sparse' : 'platform'],
        );
        await pushBundle(bundle, target, { host: target.host, prefix }, { signal: t.signal });
        const verified = await world.verify(`${target.host}/${prefix}/r.io/shop/api:1`, flags);
        assert.equal(verified.code, 0, `${prefix}: ${verified.stderr}`);
      }
    }
  });
}

test('cosign finds no signature where none was carried', async (t) => {
  const { registry, verify } = await signedImage(t, []);
  const target = await distribution(t);
  const { bundle } = await plannedBundle(t, registry, [{ reference: 'r.io/shop/api:1', attached: 'none' }], ['linux/amd64']);
  await pushBundle(bundle, target, { host: target.host, prefix: 'bare' }, { signal: t.signal });
  const verified = await verify(`${target.host}/bare/r.io/shop/api:1`, []);
  assert.notEqual(verified.code, 0);
});

interface SignedImage {
  readonly registry: Registry;
  verify(image: string, flags: readonly string[]): Promise<CommandResult>;
}

/** An index in a registry without the referrers API; it and each of its platforms signed. */
async function signedImage(t: TestContext, flags: readonly string[]): Promise<SignedImage> {
  const registry = await distribution(t);
  const image = sampleIndex(['linux/amd64', 'linux/arm64']);
  await pushSample(registry, 'shop/api', '1', image, t);
  const cwd = await tempDir(t);
  await run([cosign, 'generate-key-pair'], { cwd, env });
  const name = `${registry.host}/shop/api@${image.root.descriptor.digest}`;
  const unlogged = ['--yes', '--tlog-upload=false', '--use-signing-config=false', '--recursive'];
  await run([cosign, 'sign', ...unlogged, ...flags, ...offline, join(cwd, 'cosign.key'), name], { cwd, env });
  return {
    registry,
    verify: (target, more) =>
      attempt([cosign, 'verify', '--insecure-ignore-tlog', ...more, ...offline, join(cwd, 'cosign.pub'), target], { cwd, env }),
  };
}

async function distribution(t: TestContext): Promise<Registry> {
  const { host, plainHttp } = await startRegistry('distribution3', t, { sparse: true });
  return opened(t, host, plainHttp);
}

async function memory(t: TestContext): Promise<Registry> {
  const { host, store, stop } = await startMemoryRegistry();
  t.after(() => stop());
  store.referrersPage = 2;
  store.sparse = true;
  return opened(t, host, true);
}

function opened(t: TestContext, host: string, plainHttp: boolean): Registry {
  const registry = openRegistry({ host, plainHttp });
  t.after(() => registry.close());
  return registry;
}
