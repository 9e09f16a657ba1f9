import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { type BlobSource, streamSource } from '../../images/blob-source.ts';
import {
  type BundleContents,
  type BundleHeader,
  type BundleLayout,
  type CarriedImage,
  planBundle,
} from '../../images/bundle/bundle-layout.ts';
import { type ChartArtifact, chartArtifact } from '../../images/bundle/chart-artifact.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { readImageTree } from '../../images/plan/image-tree.ts';
import { formatReference, parseReference } from '../../images/reference.ts';
import { chunksOf, noise, type SampleImage, sampleImage, sampleIndex } from '../registries/sample-images.ts';

/** Images that are made on the spot, as they are planned. */
export interface Samples {
  readonly images: readonly CarriedImage[];
  /** Bytes of every config and layer. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

export type NamedSample = readonly [reference: string, image: SampleImage];

export async function makeSamples(wanted: readonly NamedSample[]): Promise<Samples> {
  const blobs = wanted.flatMap(([, image]) => image.blobs.map(({ descriptor, bytes }) => [descriptor.digest, bytes] as const));
  const images = wanted.map(async ([reference, { root, manifests }]) => {
    const bytes = new Map(manifests.map((manifest) => [manifest.descriptor.digest, manifest.bytes]));
    const tree = await readImageTree(root.descriptor, async ({ digest }) => bytes.get(digest) ?? Buffer.alloc(0));
    return { reference: parseReference(reference), stored: root, ...tree };
  });
  return { images: await Promise.all(images), blobs: new Map(blobs) };
}

/** The blobs of the samples as sources that give 64 KiB at a time. */
export function memorySources(samples: Samples): Map<Digest, BlobSource> {
  const source = streamSource(async ({ digest }) => chunksOf(samples.blobs.get(digest) ?? Buffer.alloc(0)), {
    verified: false,
    what: 'memory',
  });
  return new Map([...samples.blobs.keys()].map((digest) => [digest, source]));
}

export const sampleChart: ChartArtifact = chartArtifact({ name: 'shop', version: '1.0.0+1' }, noise('chart', 3_000));

const installer = 'registry.example/diolkos/installer:1';

/** A bundle of a few kilobytes, for tests that open it a thousand times. */
export function tinySamples(): Promise<Samples> {
  return makeSamples([
    ['docker.io/library/tiny:1', sampleImage({ seed: 'tiny', layers: [700] })],
    [installer, sampleImage({ seed: 'installer', layers: [900] })],
  ]);
}

/** Three images that share a layer, two names for one of them, a chart and the installer. */
export function shopSamples(): Promise<Samples> {
  const both = ['linux/amd64', 'linux/arm64'];
  const api = sampleImage({ seed: 'shop', layers: [20_000, 2_500_000] });
  return makeSamples([
    ['registry.example/shop/api:1', api],
    ['docker.io/library/api-too:1', api],
    ['docker.io/library/web:2', sampleIndex(both, { seed: 'shop', layers: [20_000, 511] })],
    [installer, sampleIndex(both, { seed: 'installer', layers: [70_000] })],
  ]);
}

/** `more` goes into the header of its bundle.json; `held` makes it a delta. */
export function planShop(
  samples: Samples,
  more: Partial<BundleHeader> = {},
  { held }: Pick<BundleContents, 'held'> = {},
): BundleLayout {
  const names = new Set(samples.images.map((image) => formatReference(image.reference)));
  return planBundle({
    header: { ...headerOf(samples, names.has(installer) ? installer : undefined), ...more },
    ...(held === undefined ? {} : { held }),
    images: samples.images,
    charts: [sampleChart],
    files: [
      { name: 'install/README.md', bytes: Buffer.from('# shop\n') },
      { name: 'install/10-job.yaml', bytes: Buffer.from('kind: Job\n') },
    ],
  });
}

function headerOf(samples: Samples, installerName: string | undefined): BundleHeader {
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'BundleJson',
    tool: '0.0.0-test',
    metadata: { name: 'shop', version: '1' },
    target: { kubernetes: ['1.36'], platforms: ['linux/amd64', 'linux/arm64'], helm: 4 },
    releases: [],
    images: samples.images.map((image) => lockedImage(image)),
    gated: [],
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
    class: 'used',
    gates: [],
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
  wanted?: Samples,
): Promise<{ readonly file: string; readonly layout: BundleLayout }> {
  const samples = wanted ?? (await shopSamples());
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
