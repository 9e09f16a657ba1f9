/**
 * What it costs to know all of a large bundle before its first layer: manifests and what is attached, layout, bundle.json, and the plan of
 * a push. Usage: `npm run bench:planning -- [--images 1000] [--delay 20] [--attached all]`; 20 blobs an image, `delay` ms a request.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { AttachedPolicy } from '../bundle-spec/bundle.ts';
import type { Digest } from '../bundle-spec/names.ts';
import { type BlobSource, streamSource } from '../images/blob-source.ts';
import { type BundleHeader, planBundle } from '../images/bundle/bundle-layout.ts';
import { openBundle } from '../images/bundle/bundle-reader.ts';
import { canonicalJson } from '../images/canonical-json.ts';
import { digestOf } from '../images/digest.ts';
import { writeBundle } from '../images/output/bundle-writer.ts';
import type { ImagePlan } from '../images/plan/image-plan.ts';
import { planImages } from '../images/plan/plan-images.ts';
import { planPush } from '../images/push/push-plan.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import { openRegistry } from '../images/registry/registry.ts';
import { keepHeapSmall } from '../images/small-heap.ts';
import { lockImage } from '../src/lock-bundle.ts';
import { blobsOf } from './planning-images.ts';
import { peakMemoryOf } from './proc.ts';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '1000' },
    delay: { type: 'string', default: '20' },
    attached: { type: 'string', default: 'all' },
  },
});
// As the CLI does.
keepHeapSmall();

const count = Number(values.images);
const attached = AttachedPolicy.parse(values.attached);
const { signal } = new AbortController();

const server = spawn(process.execPath, [join(import.meta.dirname, 'planning-registry.ts'), String(count), values.delay], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const folder = await mkdtemp(join(tmpdir(), 'diolkos-planning-'));
try {
  const [port] = await once(createInterface(server.stdout), 'line');
  await bench(`127.0.0.1:${port}`);
} finally {
  server.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}

async function bench(host: string): Promise<void> {
  await stage('start', async () => undefined);
  const registry = openRegistry({ host, plainHttp: true });
  const requests = Array.from({ length: count }, (_, n) => ({ reference: parseReference(`r.io/image-${n}:1`), attached }));
  const locate = ({ repository }: { readonly repository: string }) => ({ registry, repository });
  const plans = await stage('plan images', () => planImages(requests, { locate, platforms: ['linux/amd64'], signal }));
  const { requests: sent, most } = (await (await fetch(`http://${host}/figures`)).json()) as { requests: number; most: number };
  print(`${sent} requests, at most ${most} at once`);
  await registry.close();
  const layout = await stage('plan the bundle', async () =>
    planBundle({ header: headerOf(plans), images: plans, charts: [], files: [] }),
  );
  const json = await stage('bundle.json', async () => canonicalJson(layout.json));
  print(`${layout.blobs.size} blobs, bundle.json ${(json.length / 1e6).toFixed(1)} MB`);
  const file = join(folder, 'planned.tar');
  await stage('write', () => writeBundle(layout, file, { sources: sources(), signal }));
  const bundle = await stage('open', () => openBundle(file, { signal }));
  const items = await stage('plan the push', () => planPush(bundle, { host: 'target', prefix: 'apps' }, { signal }));
  print(`${items.length} items`);
  await bundle.close();
}

/** Its time, its CPU (all threads), what is resident after it, and the most that was so far. */
async function stage<T>(name: string, work: () => Promise<T>): Promise<T> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  const [rss, peak] = [process.memoryUsage.rss(), peakMemoryOf(process.pid)].map((bytes) => Math.round(bytes / 1e6));
  const seconds = ((performance.now() - began) / 1e3).toFixed(2);
  print(
    `${name.padEnd(16)} ${seconds.padStart(7)} s ${((user + system) / 1e6).toFixed(2).padStart(6)} CPU-s  RSS ${rss} MB, peak ${peak} MB`,
  );
  return result;
}

function sources(): Map<Digest, BlobSource> {
  const source = (bytes: Buffer) => streamSource(async () => oneChunk(bytes), { verified: true, what: 'memory' });
  const all = Array.from({ length: count }, (_, number) => blobsOf(number)).flat();
  return new Map(all.map((bytes) => [digestOf(bytes), source(bytes)]));
}

async function* oneChunk(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}

function headerOf(plans: readonly ImagePlan[]): BundleHeader {
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'BundleJson',
    tool: '0.0.0',
    metadata: { name: 'planning', version: '1' },
    target: { kubernetes: ['1.36'], platforms: ['linux/amd64'], helm: 4 },
    releases: [],
    images: plans.map((plan) => {
      const reference = formatReference(plan.reference);
      return lockImage({ reference, class: 'extra', gates: [], valuesPaths: [], places: [] }, plan);
    }),
    gated: [],
    charts: [],
    ignore: [],
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
