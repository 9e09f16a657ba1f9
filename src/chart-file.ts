import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackedChart } from './read-releases.ts';

/**
 * What `work` gives when it has the path of a packed chart, which helm renders from. What says where something stands calls a chart by the
 * name of its file, so that is the chart's own name. The file is gone when `work` ends, also on an error.
 */
export async function withChartFile<T>(
  { name, bytes }: Pick<PackedChart, 'name' | 'bytes'>,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const path = join(folder, name.replace(/[^\w.-]/g, '_') || 'chart');
    await writeFile(path, bytes);
    return await work(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
