/** What docker, podman and skopeo really write, as sources of images. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../../build/command.ts';
import { openArchive } from '../../images/archive/open-archive.ts';
import { digestOf } from '../../images/digest.ts';
import { parseManifest } from '../../images/manifest.ts';
import { planImage } from '../../images/plan/image-plan.ts';
import { formatReference } from '../../images/reference.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, specYaml, writeFiles } from '../src/workshop.ts';
import { dockerLoad, withDocker } from './importers.ts';
import { skopeoBinary } from './machine/skopeo.ts';

const names = ['docker.io/shop/base:1', 'docker.io/shop/api:2'];
const folder = await mkdtemp(join(tmpdir(), 'diolkos-archives-'));
after(() => rm(folder, { recursive: true, force: true }));
const ids = await saveByDocker();
const archives = [...(await saveByPodman()), ...(await copyBySkopeo())];

/** Two images, one on top of the other, as `docker save` writes them: their ids by name. */
async function saveByDocker(): Promise<Map<string, string>> {
  await writeFiles(folder, {
    'base/Dockerfile': 'FROM scratch\nCOPY data /data\n',
    'base/data': Buffer.alloc(300_000, 'base'),
    'api/Dockerfile': 'FROM shop/base:1\nCOPY data /more\nENV PATH=/bin\n',
    'api/data': Buffer.alloc(200_000, 'api'),
  });
  return await withDocker(async (docker) => {
    const found = new Map<string, string>();
    for (const [index, tag] of ['shop/base:1', 'shop/api:2'].entries()) {
      const context = join(folder, index === 0 ? 'base' : 'api');
      await run([...docker, 'build', '--quiet', '--tag', tag, context], { env: { ...process.env, DOCKER_BUILDKIT: '0' } });
      const { stdout } = await run([...docker, 'image', 'inspect', '--format', '{{.Id}}', tag]);
      found.set(names[index] ?? '', stdout.trim());
    }
    await run([...docker, 'save', '--output', join(folder, 'docker.tar'), 'shop/base:1', 'shop/api:2']);
    return found;
  });
}

interface Written {
  readonly name: string;
  readonly path: string;
  /** What the spec has to call it. */
  readonly image?: string;
  readonly holds: readonly string[];
  /** The config is docker's, byte for byte, so its digest is the image's id. */
  readonly keepsId: boolean;
}

async function saveByPodman(): Promise<Written[]> {
  const place = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')];
  const podman = ['podman', ...place, '--storage-driver', 'vfs', '--events-backend', 'none'];
  await run([...podman, 'load', '--input', join(folder, 'docker.tar')]);
  // podman calls what has no registry in its name "localhost/…".
  for (const name of names) await run([...podman, 'tag', name.replace('docker.io/', 'localhost/'), name]);
  const save = async (name: string, holds: readonly string[], ...flags: readonly string[]): Promise<Written> => {
    const path = join(folder, name.replaceAll(' ', '-'));
    await run([...podman, 'save', ...flags, '--output', path, ...holds]);
    const image = flags.includes('docker-dir') ? { image: holds[0] ?? '' } : {};
    return { name: `podman save: ${name}`, path, holds, keepsId: !flags.some((flag) => flag.startsWith('oci')), ...image };
  };
  return [
    await save('docker archive', names.slice(1)),
    await save('docker archive of two', names, '--multi-image-archive'),
    await save('oci archive', names.slice(1), '--format', 'oci-archive'),
    await save('oci directory', names.slice(1), '--format', 'oci-dir'),
    await save('docker directory', names.slice(1), '--format', 'docker-dir'),
  ];
}

async function copyBySkopeo(): Promise<Written[]> {
  const skopeo = await skopeoBinary();
  const [, name = ''] = names;
  const copy = async (transport: string, path: string, keepsId: boolean): Promise<Written> => {
    const target = `${transport}:${path}${transport === 'dir' ? '' : `:${name}`}`;
    // Not docker's own: skopeo stumbles over the links with which docker 20 saves a shared layer.
    await run([skopeo, 'copy', `docker-archive:${join(folder, 'docker-archive')}`, target]);
    return { name: `skopeo copy: ${transport}`, path, holds: [name], keepsId, ...(transport === 'dir' ? { image: name } : {}) };
  };
  return [
    { name: 'docker save', path: join(folder, 'docker.tar'), holds: names, keepsId: true },
    await copy('dir', join(folder, 'skopeo-dir'), true),
    await copy('oci', join(folder, 'skopeo-oci'), false),
    await copy('oci-archive', join(folder, 'skopeo.tar'), false),
    await copy('docker-archive', join(folder, 'skopeo-docker.tar'), true),
  ];
}

for (const { name, path, image, holds, keepsId } of archives) {
  test(`every byte of every image is read: ${name}`, async (t) => {
    const archive = await openArchive({ path, ...(image === undefined ? {} : { image }) }, { signal: t.signal });
    t.after(() => archive.close());
    assert.deepEqual(archive.images.map(({ reference }) => formatReference(reference)).sort(), [...holds].sort());
    for (const { reference, located } of archive.images) {
      const plan = await planImage(located, reference, { platforms: ['linux/amd64'], signal: t.signal });
      const manifest = parseManifest(plan.stored.bytes, name);
      assert.ok('config' in manifest && manifest.layers.length > 0);
      if (keepsId) assert.equal(manifest.config.digest, ids.get(formatReference(reference)));
      for (const blob of plan.blobs) {
        const chunks: Buffer[] = [];
        const write = async (chunk: Buffer) => void chunks.push(Buffer.from(chunk));
        await located.registry.pullBlob(located.repository, blob, { write }, { signal: t.signal });
        assert.equal(digestOf(Buffer.concat(chunks)), blob.digest);
      }
    }
  });
}

test('a bundle of what docker saved is loaded by docker as the images it was', async () => {
  const spec = specYaml('registry.invalid', 'images: { extra: [{ archive: docker.tar }] }\n');
  await writeFiles(folder, { ...chartFiles(['shop/api:2']), 'bundle.yaml': spec });
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const loaded = await dockerLoad(join(folder, 'shop.tar'));
  assert.deepEqual(
    new Map(loaded.map(({ reference, digest }) => [`docker.io/${reference}`, digest])),
    new Map([...ids].sort(([a], [b]) => (a < b ? -1 : 1))),
  );
});
