import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { goSource } from './go-source.ts';

/** What it is to serve. */
export interface EndlessSize {
  readonly gigabytes: number;
  readonly blobs: number;
}

const Ready = z.object({
  host: z.string(),
  bytes: z.number(),
  images: z.array(z.object({ repository: z.string(), digest: z.string() })),
});

/** `bench/endless`, running: it makes up what is pulled and forgets what is pushed. */
export interface Endless extends z.infer<typeof Ready> {
  readonly pid: number;
  stop(): void;
}

/** Layers of one image. */
const layersEach = 20;

export async function startEndless(
  { gigabytes, blobs }: EndlessSize,
  options: { readonly signal: AbortSignal },
): Promise<Endless> {
  const images = Math.max(1, Math.round(blobs / layersEach));
  const layerBytes = Math.round((gigabytes * 1e9) / (images * layersEach));
  const program = await goSource('endless', options);
  const server = spawn(program, [images, layersEach, layerBytes].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = await readyOf(server);
  return { ...ready, pid: server.pid ?? 0, stop: () => server.kill('SIGKILL') };
}

async function readyOf(server: ChildProcess): Promise<z.infer<typeof Ready>> {
  if (server.stdout === null) throw new Error('the registry has no output');
  const [line] = await once(createInterface(server.stdout), 'line');
  return Ready.parse(JSON.parse(line));
}

/** `bundle.yaml` and `site.yaml`. The chart has no image: all come by name. */
export async function writeEndlessSpec(folder: string, { host, images }: Endless): Promise<void> {
  await mkdir(join(folder, 'chart/templates'), { recursive: true });
  await writeFile(join(folder, 'chart/Chart.yaml'), JSON.stringify({ apiVersion: 'v2', name: 'empty', version: '1.0.0' }));
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'empty' } };
  await writeFile(join(folder, 'chart/templates/object.yaml'), JSON.stringify(object));
  const spec = {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Bundle',
    metadata: { name: 'endless', version: '1.0.0' },
    target: { kubernetes: ['1.36'], platforms: ['linux/amd64'] },
    installer: 'none',
    sources: { images: [{ host, plainHttp: true }] },
    releases: [{ name: 'empty', namespace: 'empty', chart: { path: 'chart' } }],
    images: { extra: images.map(({ repository, digest }) => `${host}/${repository}@${digest}`) },
  };
  await writeFile(join(folder, 'bundle.yaml'), JSON.stringify(spec));
  const site = { apiVersion: 'diolkos.dev/v1', kind: 'Site', registry: { host, prefix: 'forgotten', plainHttp: true } };
  await writeFile(join(folder, 'site.yaml'), JSON.stringify(site));
}
