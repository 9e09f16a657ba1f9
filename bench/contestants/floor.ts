import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authority } from '../distribution.ts';
import { goSource } from '../go-source.ts';
import type { SeededSet } from '../seed-registry.ts';
import { type Contestant, mirrored, targetPrefix } from './contestant.ts';

/** What the bytes alone cost: each distinct blob, and nothing of manifests and names. See `bench/floor/main.go`. */
export async function floor(options: { readonly signal: AbortSignal }): Promise<Contestant> {
  const binary = await goSource('floor', options);
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
