import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { readMetadata } from './chart.ts';
import { largestFile, writeArchive } from './chart-archive.ts';
import { type IgnoreRule, parseHelmignore } from './helmignore.ts';

/**
 * Packs the chart in `directory` into the bytes of a `.tgz`: what helm would load from there (`.helmignore` honoured, links resolved,
 * packed subcharts kept packed). The bytes depend on names and contents alone, not on the path, times, modes or machine.
 * Throws CHART_NOT_FOUND, CHART_INVALID.
 */
export async function packChart(directory: string, options: { readonly signal: AbortSignal }): Promise<Buffer> {
  const root = await realpath(directory).catch((cause) => {
    throw new BundleError('CHART_NOT_FOUND', `there is no chart at ${directory}`, { hint: 'check the path in the spec', cause });
  });
  const ignored = parseHelmignore(await readFile(join(root, '.helmignore'), 'utf8').catch(() => ''));
  const files = new Map<string, Buffer>();
  await collect({ root, directory, ignored, files, signal: options.signal }, '', [root]);
  return writeArchive(readMetadata(files, directory).name, files);
}

interface Walk {
  readonly root: string;
  readonly directory: string;
  readonly ignored: IgnoreRule;
  readonly files: Map<string, Buffer>;
  readonly signal: AbortSignal;
}

/** `ancestors` are the real paths of the folders above, so that a link that leads back up is found. */
async function collect(walk: Walk, below: string, ancestors: readonly string[]): Promise<void> {
  for (const entry of await readdir(join(walk.root, below))) {
    walk.signal.throwIfAborted();
    const path = below === '' ? entry : `${below}/${entry}`;
    const full = join(walk.root, path);
    const found = await stat(full).catch((cause) => {
      throw invalid(walk, path, 'is a link that leads nowhere', cause);
    });
    if (walk.ignored(path, found.isDirectory())) continue;
    if (found.isDirectory()) {
      const real = await realpath(full);
      if (ancestors.includes(real)) throw invalid(walk, path, 'is a link to a folder above it');
      await collect(walk, path, [...ancestors, real]);
    } else if (!found.isFile()) throw invalid(walk, path, 'is neither file nor folder');
    else if (found.size > largestFile) throw invalid(walk, path, 'is larger than helm loads (5 MiB)');
    else walk.files.set(path, await readFile(full));
  }
}

function invalid(walk: Walk, path: string, what: string, cause?: unknown): BundleError {
  return new BundleError('CHART_INVALID', `${walk.directory}: ${path} ${what}`, {
    hint: 'mend it, or name it in .helmignore',
    ...(cause === undefined ? {} : { cause }),
  });
}
