import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from '../../build/command.ts';
import { goProgram, hostArchitecture } from '../../build/go-program.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { tempDir } from '../images/sample-bundle.ts';
import { below } from '../registries/below.ts';
import { pushSample, type SampleImage, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { type RegistryKind, type RunningRegistry, startRegistry } from '../registries/start-registry.ts';
import { regctl as regctlProgram } from './machine/programs.ts';
import { makers } from './machine/tools.ts';

// Real registries between our client and those of others, each a process of its own.

const crane = await makers.crane({});
const skopeo = await makers.skopeo({});
const regctl = join(await goProgram(regctlProgram, hostArchitecture), regctlProgram.name);

interface Place {
  readonly registry: Registry;
  /** `<host>/<prefix>`, for references. */
  readonly at: string;
  readonly running: RunningRegistry;
}

async function start(kind: RegistryKind, t: TestContext): Promise<Place> {
  const running = await startRegistry(kind, t);
  const { host, plainHttp, user, prefix } = running;
  const opened = openRegistry({ host, plainHttp, credentials: async () => user && { from: 'the test', ...user } });
  t.after(() => opened.close());
  return { registry: below(prefix, opened), at: `${host}/${prefix}`, running };
}

const images: readonly (readonly [name: string, image: () => SampleImage])[] = [
  ['an OCI index', () => sampleIndex(['linux/amd64', 'linux/arm64'], { layers: [1000, 300_000] })],
  ["Docker's list", () => sampleIndex(['linux/amd64', 'linux/arm64'], { docker: true })],
  ['one manifest', () => sampleImage()],
];

/** Copies from one reference to another, everything, digests kept. */
type Copy = (from: string, to: string, place: Place, t: TestContext) => Promise<unknown>;

const copiers: Readonly<Record<string, Copy>> = {
  crane: async (from, to, { running: { user, host } }, t) => {
    const env = { ...process.env, DOCKER_CONFIG: await tempDir(t) };
    const login = user && [crane, 'auth', 'login', host, '-u', user.username, '-p', user.password];
    if (login !== undefined) await run(login, { env });
    await run([crane, 'copy', '--insecure', from, to], { env });
  },
  skopeo: async (from, to, { running: { user } }) => {
    const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const creds = user === undefined ? [] : ['src', 'dest'].map((end) => `--${end}-creds=${user.username}:${user.password}`);
    const all = ['--insecure-policy', 'copy', '--quiet', '--all', '--preserve-digests', ...tls, ...creds];
    await run([skopeo, ...all, `docker://${from}`, `docker://${to}`]);
  },
  regctl: async (from, to, { running: { user, host } }, t) => {
    const login = user === undefined ? '' : `,user=${user.username},pass=${user.password}`;
    const env = { ...process.env, HOME: await tempDir(t) };
    await run([regctl, '--host', `reg=${host},tls=disabled${login}`, 'image', 'copy', from, to], { env });
  },
};

for (const kind of ['distribution2', 'distribution3', 'gitea'] as const) {
  for (const [peer, copy] of Object.entries(copiers)) {
    for (const [name, make] of images) {
      test(`${kind}: ${peer} reads what we pushed, and we read what it pushed: ${name}`, async (t) => {
        const place = await start(kind, t);
        const { registry, at } = place;
        const image = make();
        await pushSample(registry, 'ours', '1', image, t);
        await copy(`${at}ours:1`, `${at}theirs/${peer}:1`, place, t);
        assert.deepEqual(await registry.fetchManifest(`theirs/${peer}`, '1', t), image.root);
        for (const { descriptor, bytes } of image.manifests) {
          assert.deepEqual((await registry.fetchManifest(`theirs/${peer}`, descriptor.digest, t)).bytes, bytes);
        }
        for (const { descriptor, bytes } of image.blobs) {
          assert.deepEqual(await registry.fetchBlob(`theirs/${peer}`, descriptor, t), bytes);
        }
      });
    }
  }
}

test('crane finds nothing wrong in what we pushed, down to the last byte of each layer', async (t) => {
  const { registry, at } = await start('distribution3', t);
  await pushSample(registry, 'ours', '1', sampleIndex(['linux/amd64', 'linux/arm64'], { layers: [100_000] }), t);
  await run([crane, 'validate', '--insecure', '--remote', `${at}ours:1`]);
});

test('skopeo writes what we pushed into a layout with our digest', async (t) => {
  const { registry, at } = await start('distribution3', t);
  const image = sampleIndex(['linux/amd64', 'linux/arm64']);
  await pushSample(registry, 'ours', '1', image, t);
  const layout = join(await tempDir(t), 'layout');
  const copy = ['--insecure-policy', 'copy', '--quiet', '--all', '--src-tls-verify=false'];
  await run([skopeo, ...copy, `docker://${at}ours:1`, `oci:${layout}:1`]);
  const index: { manifests: { digest: string }[] } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  assert.equal(index.manifests[0]?.digest, image.root.descriptor.digest);
});
