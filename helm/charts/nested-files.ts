import { type ChartFiles, readArchive } from './chart-archive.ts';

/** A file of a chart or of a subchart at any depth. */
export interface NestedFile {
  /** The chart's own folder, as helm names it in errors and `# Source:` lines: `shop`, `shop/charts/redis`. */
  readonly chart: string;
  /** Below that folder: `templates/pod.yaml`. */
  readonly path: string;
  readonly body: Buffer;
}

/** Every file of a packed chart and of its subcharts, packed or not, those that a condition leaves out too. Throws CHART_INVALID. */
export function* nestedFiles(tgz: Buffer, name: string): Generator<NestedFile> {
  const files = readArchive(tgz, name);
  yield* filesOf(files, nameIn(files, name), name);
}

function* filesOf(files: ChartFiles, chart: string, name: string): Generator<NestedFile> {
  const folders = new Map<string, Map<string, Buffer>>();
  for (const [path, body] of files) {
    const [, folder = '', rest] = /^charts\/([^_./][^/]*)(?:\/(.+))?$/.exec(path) ?? [];
    if (folder === '') yield { chart, path, body };
    else if (rest !== undefined) folders.set(folder, (folders.get(folder) ?? new Map()).set(rest, body));
    else if (folder.endsWith('.tgz')) {
      const inner = readArchive(body, `${name}: ${path}`);
      yield* filesOf(inner, `${chart}/charts/${nameIn(inner, folder)}`, `${name}: ${path}`);
    } else yield { chart, path, body };
  }
  for (const [folder, inner] of folders) yield* filesOf(inner, `${chart}/charts/${nameIn(inner, folder)}`, `${name}: ${folder}`);
}

/** Its own name: a subchart's folder may be called otherwise. */
function nameIn(files: ChartFiles, otherwise: string): string {
  return /^name:[ \t]*["']?([\w.-]+)/m.exec(files.get('Chart.yaml')?.toString('utf8') ?? '')?.[1] ?? otherwise;
}
