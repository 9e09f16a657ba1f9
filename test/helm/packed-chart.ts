import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { packChart } from '../../helm/charts/package-chart.ts';
import type { HelmRelease } from '../../helm/render.ts';

/** A folder that is gone after the test. */
export async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A chart directory with these files, by path below it. A Chart.yaml is added where there is none. */
export async function chartFolder(t: TestContext, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await tempFolder(t);
  const all = { 'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n', ...files };
  for (const [path, body] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), body);
  }
  return folder;
}

/** The release `shop` of the chart in `directory`, packed. `values` are the texts of its layers. */
export async function releaseOf(t: TestContext, directory: string, values: readonly string[] = []): Promise<HelmRelease> {
  const chart = join(await tempFolder(t), 'chart.tgz');
  await writeFile(chart, await packChart(directory, { signal: t.signal }));
  return { name: 'shop', namespace: 'web', chart, values: values.map((text, index) => ({ name: `values ${index + 1}`, text })) };
}
