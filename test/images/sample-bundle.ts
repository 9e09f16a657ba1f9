import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { type BlobSource, streamSource } from '../../images/blob-source.ts';
import { type BundleLayout, type CarriedImage, planBundle } from '../../images/bundle-layout.ts';
import { writeBundle } from '../../images/bundle-writer.ts';
import { canonicalJson } from '../../images/canonical-json.ts';
import { type ChartArtifact, chartArtifact } from '../../images/chart-artifact.ts';
import type { Descriptor, HeldDocument } from '../../images/descriptor.ts';
import { digestOf } from '../../images/digest.ts';
import { formatReference, parseReference } from '../../images/reference.ts';
import { tarHeader } from '../../images/tar-header.ts';

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** Images that are made on the spot: real ones, whose layers are gzipped tars of one file of noise. */
export interface Samples {
  readonly images: readonly CarriedImage[];
  /** Bytes of every config and layer. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

/** `platforms` of more than one make an index. Layers of the same seed and size are the same blob. */
export interface SampleImage {
  readonly reference: string;
  readonly platforms?: readonly string[];
  readonly layers: readonly { readonly seed: string; readonly size: number }[];
}

export function makeSamples(wanted: readonly SampleImage[]): Samples {
  const blobs = new Map<Digest, Buffer>();
  return { images: wanted.map((sample) => makeImage(sample, blobs)), blobs };
}

function makeImage({ reference, platforms = ['linux/amd64'], layers }: SampleImage, blobs: Map<Digest, Buffer>): CarriedImage {
  const held: Descriptor[] = [];
  const hold = (mediaType: string, bytes: Buffer): Descriptor => {
    const { descriptor } = heldBlob(mediaType, bytes);
    blobs.set(descriptor.digest, bytes);
    held.push(descriptor);
    return descriptor;
  };
  const manifests = platforms.map((text) => {
    const [os = '', architecture = ''] = text.split('/');
    const tars = layers.map(({ seed, size }) => layerTar(seed, size));
    const diffIds = tars.map(digestOf);
    const config = hold(
      types.config,
      canonicalJson({ os, architecture, config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
    );
    const stored = tars.map((tar) => hold(types.layer, gzipSync(tar, { level: 1 })));
    const manifest = canonicalJson({ schemaVersion: 2, mediaType: types.manifest, config, layers: stored });
    const { descriptor } = heldBlob(types.manifest, manifest);
    return { descriptor: { ...descriptor, platform: { os, architecture } }, bytes: manifest };
  });
  const index = canonicalJson({
    schemaVersion: 2,
    mediaType: types.index,
    manifests: manifests.map((child) => child.descriptor),
  });
  const all = manifests.length === 1 ? manifests : [...manifests, heldBlob(types.index, index)];
  const stored = all.at(-1);
  if (stored === undefined) throw new Error('an image has at least one platform');
  return { reference: parseReference(reference), stored, manifests: all, blobs: held };
}

export function heldBlob(mediaType: string, bytes: Buffer): HeldDocument {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function layerTar(seed: string, size: number): Buffer {
  const body = noise(seed, size);
  return Buffer.concat([tarHeader(`${seed}.bin`, size), body, Buffer.alloc((512 - (size % 512)) % 512), Buffer.alloc(1024)]);
}

/** Bytes that do not compress and are the same in every run. */
export function noise(seed: string, size: number): Buffer {
  return createHash('shake256', { outputLength: size }).update(seed).digest();
}

/** The blobs of the samples as sources that give 64 KiB at a time. */
export function memorySources(samples: Samples): Map<Digest, BlobSource> {
  const source = streamSource(async ({ digest }) => chunks(samples.blobs.get(digest) ?? Buffer.alloc(0)), {
    verified: false,
    what: 'memory',
  });
  return new Map([...samples.blobs.keys()].map((digest) => [digest, source]));
}

async function* chunks(bytes: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

export const sampleChart: ChartArtifact = chartArtifact({ name: 'shop', version: '1.0.0+1' }, noise('chart', 3_000));

const installer = 'registry.example/diolkos/installer:1';

/** A bundle of a few kilobytes, for tests that open it a thousand times. */
export function tinySamples(): Samples {
  return makeSamples([
    { reference: 'docker.io/library/tiny:1', layers: [{ seed: 'tiny', size: 700 }] },
    { reference: installer, layers: [{ seed: 'installer', size: 900 }] },
  ]);
}

/** Three images that share a layer, two names for one of them, a chart and the installer. */
export function shopSamples(): Samples {
  const base = { seed: 'base', size: 20_000 };
  return makeSamples([
    { reference: 'registry.example/shop/api:1', layers: [base, { seed: 'api', size: 2_500_000 }] },
    { reference: 'docker.io/library/api-too:1', layers: [base, { seed: 'api', size: 2_500_000 }] },
    {
      reference: 'docker.io/library/web:2',
      platforms: ['linux/amd64', 'linux/arm64'],
      layers: [base, { seed: 'web', size: 511 }],
    },
    { reference: installer, platforms: ['linux/amd64', 'linux/arm64'], layers: [{ seed: 'installer', size: 70_000 }] },
  ]);
}

export function planShop(samples: Samples = shopSamples()): BundleLayout {
  const names = new Set(samples.images.map((image) => formatReference(image.reference)));
  return planBundle({
    header: headerOf(samples, names.has(installer) ? installer : undefined),
    images: samples.images,
    charts: [sampleChart],
    files: [
      { name: 'install/README.md', bytes: Buffer.from('# shop\n') },
      { name: 'install/10-job.yaml', bytes: Buffer.from('kind: Job\n') },
    ],
  });
}

function headerOf(samples: Samples, installerName: string | undefined): Omit<BundleJson, 'entries' | 'blobs'> {
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'BundleJson',
    tool: '0.0.0-test',
    metadata: { name: 'shop', version: '1' },
    target: { kubernetes: ['1.36'], platforms: ['linux/amd64', 'linux/arm64'], helm: 4 },
    releases: [],
    images: samples.images.map((image) => lockedImage(image)),
    charts: [carriedChart()],
    ...(installerName === undefined ? {} : { installer: installerName }),
    ignore: [],
  };
}

function lockedImage({ reference, stored, manifests, blobs }: CarriedImage): BundleJson['images'][number] {
  const all = new Map([...manifests.map((manifest) => manifest.descriptor), ...blobs].map(({ digest, size }) => [digest, size]));
  return {
    reference: formatReference(reference),
    source: stored.descriptor.digest,
    digest: stored.descriptor.digest,
    mode: 'complete',
    mediaType: stored.descriptor.mediaType,
    platforms: ['linux/amd64'],
    size: [...all.values()].reduce((sum, size) => sum + size, 0),
    origin: 'values',
    valuesPaths: [],
    places: [],
  };
}

function carriedChart(): BundleJson['charts'][number] {
  const { layer, manifest } = sampleChart;
  return {
    name: 'shop',
    version: '1.0.0+1',
    digest: layer.descriptor.digest,
    size: layer.descriptor.size,
    manifest: manifest.descriptor.digest,
  };
}

/** Writes the bundle of `samples` into a directory of the test and gives its path and layout. */
export async function writeShop(
  t: TestContext,
  samples = shopSamples(),
): Promise<{ readonly file: string; readonly layout: BundleLayout }> {
  const file = join(await tempDir(t), 'shop.tar');
  const layout = planShop(samples);
  await writeBundle(layout, file, { sources: memorySources(samples), signal: t.signal });
  return { file, layout };
}

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A directory that is gone after the test. */
export async function tempDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'diolkos-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
