import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../../build/cache.ts';
import { run } from '../../build/command.ts';
import { goEnvironment } from '../../build/go-program.ts';
import { authority } from '../distribution.ts';
import type { SeededSet } from '../seed-registry.ts';
import { type Contestant, mirrored, targetPrefix } from './contestant.ts';

const source = join(import.meta.dirname, '../floor');

/** What the bytes alone cost: each distinct blob, and nothing of manifests and names. See `bench/floor/main.go`. */
export async function floor(options: { readonly signal: AbortSignal }): Promise<Contestant> {
  const binary = await floorBinary(options);
  const planned = async (set: SeededSet, folder: string, host: string, repository?: string) => {
    const plan = join(folder, `${repository === undefined ? 'pull' : 'push'}.json`);
    await writeFile(plan, JSON.stringify({ host, tls: set.tls, blobs: placed(set, repository) }));
    return plan;
  };
  return {
    name: 'floor',
    version: 'bench/floor',
    env: { SSL_CERT_FILE: authority },
    pushesImages: false,
    repositoryOf: mirrored,
    async build(set, folder) {
      const file = join(folder, 'blobs');
      return { commands: [[binary, 'pull', await planned(set, folder, set.host), file]], archives: [file] };
    },
    async push(set, folder, targetHost) {
      const plan = await planned(set, folder, targetHost, `${targetPrefix}/blobs`);
      return { commands: [[binary, 'push', plan, join(folder, 'blobs')]], archives: [] };
    },
  };
}

/** The blobs one behind the other, the largest first. */
function placed({ blobs }: SeededSet, repository: string | undefined) {
  let end = 0;
  return [...blobs]
    .sort((a, b) => b.size - a.size)
    .map((blob) => {
      const offset = end;
      end += blob.size;
      return { ...blob, offset, repository: repository ?? blob.repository };
    });
}

async function floorBinary(options: { readonly signal: AbortSignal }): Promise<string> {
  const files = await Promise.all(['main.go', 'go.mod'].map((name) => readFile(join(source, name))));
  const folder = await cached('bench-floor', files, async (folder) => {
    const env = { ...(await goEnvironment(options)), CGO_ENABLED: '0' };
    await run(['go', 'build', '-trimpath', '-buildvcs=false', '-o', join(folder, 'floor'), '.'], {
      ...options,
      cwd: source,
      env,
    });
  });
  return join(folder, 'floor');
}
