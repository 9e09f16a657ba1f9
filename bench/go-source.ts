import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../build/cache.ts';
import { run } from '../build/command.ts';
import { goEnvironment } from '../build/go-program.ts';

/** The binary of a Go program of ours in a folder beside this file, without dependencies, built when the cache lacks it. */
export async function goSource(name: string, options: { readonly signal: AbortSignal }): Promise<string> {
  const source = join(import.meta.dirname, name);
  const files = await Promise.all(['main.go', 'go.mod'].map((file) => readFile(join(source, file))));
  const folder = await cached(`bench-${name}`, files, async (folder) => {
    const env = { ...(await goEnvironment(options)), CGO_ENABLED: '0' };
    await run(['go', 'build', '-trimpath', '-buildvcs=false', '-o', join(folder, name), '.'], { ...options, cwd: source, env });
  });
  return join(folder, name);
}
