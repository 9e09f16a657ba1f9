import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { type ChartFiles, readArchive } from './chart-archive.ts';

/** The charts in `charts/` of a chart, packed or as folders. `name` is what errors call the chart. Throws CHART_INVALID. */
export function* subchartsOf(
  files: ChartFiles,
  name: string,
): Generator<{ readonly folder: string; readonly inner: ChartFiles }> {
  const folders = new Map<string, Map<string, Buffer>>();
  for (const [path, body] of files) {
    const [, folder = '', rest] = /^charts\/([^_./][^/]*)(?:\/(.+))?$/.exec(path) ?? [];
    if (folder.endsWith('.tgz') && rest === undefined) yield { folder, inner: readArchive(body, `${name}: ${path}`) };
    else if (rest !== undefined) folders.set(folder, (folders.get(folder) ?? new Map()).set(rest, body));
  }
  for (const [folder, inner] of folders) yield { folder, inner };
}

/** The first document of a file; `undefined` where there is none. What is no YAML has been refused by helm before. */
export function readYaml(files: ChartFiles, path: string): unknown {
  try {
    return parseYaml11(files.get(path)?.toString('utf8') ?? '')[0];
  } catch {
    return undefined;
  }
}
