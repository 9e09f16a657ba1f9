/**
 * Writes `helm/kubernetes-apis/served-apis.ts` and `removed-apis.ts`: what each Kubernetes minor serves by itself, from the discovery
 * documents in the Kubernetes sources, and what older minors served, from the lifecycle marks of the API types.
 * `node build/kubernetes-apis.ts`, after a change of `sources`; it needs `go` and a Go module proxy (1.5 GB in Go's module cache).
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';

interface Source {
  readonly module: string;
  /** The module's digest as `go.sum` writes it. */
  readonly sum: string;
}

/** The newest patch release of each minor that the Go module proxy had. */
const minors: readonly Source[] = [
  { module: 'k8s.io/kubernetes@v1.28.15', sum: 'h1:d91N2Znk+E8REIJZlrD6za2JtIwvEypa0DB1IoU4fJ0=' },
  { module: 'k8s.io/kubernetes@v1.29.6', sum: 'h1:jn8kA/oVOAWZOeoorx6xZ4d+KgGp+Evgi90x9bEI/DE=' },
  { module: 'k8s.io/kubernetes@v1.30.14', sum: 'h1:MrlKXh9uhLIJpyxOeXhcndzRVSvwiV9iJ8NgH8nqPsg=' },
  { module: 'k8s.io/kubernetes@v1.31.14', sum: 'h1:UtjLfqvXLuSVDdJ4+NpQCIfFkKkLnAAVmxAEMsnkhjk=' },
  { module: 'k8s.io/kubernetes@v1.32.13', sum: 'h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ=' },
  { module: 'k8s.io/kubernetes@v1.33.13', sum: 'h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ=' },
  { module: 'k8s.io/kubernetes@v1.34.4', sum: 'h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=' },
  { module: 'k8s.io/kubernetes@v1.35.4', sum: 'h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM=' },
  { module: 'k8s.io/kubernetes@v1.36.3', sum: 'h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=' },
];

/** API types of several ages, because the sources forget a version some years after it is gone; the newest last. */
const types: readonly Source[] = [
  { module: 'k8s.io/api@v0.21.14', sum: 'h1:5P/Yv95EhpU7rzgLqaDkoA1JeJmZ1Gv02GJTj9Nm7EM=' },
  { module: 'k8s.io/api@v0.24.17', sum: 'h1:ILPpMleNDZbMJwopUBOVWtmCq3xBAj/4gJEUicy6QGs=' },
  { module: 'k8s.io/api@v0.28.15', sum: 'h1:u+Sze8gI+DayQxndS0htiJf8yVooHyUx/H4jEehtmNs=' },
  { module: 'k8s.io/api@v0.36.3', sum: 'h1:NxB+05W2UGqXWFXcLO0RB5cnqnUPP5v5sVlaOH0Iz4w=' },
  { module: 'k8s.io/apiextensions-apiserver@v0.36.3', sum: 'h1:dPmOAPhwTtqb1bTxbFPsy18KHPhktQeO3WUPXunZIB0=' },
  { module: 'k8s.io/kube-aggregator@v0.36.3', sum: 'h1:eypRCZKyGx3u9TLdnLva47l6R/67Zs9h9FQI+uMruaY=' },
];

/** By API version and kind: the first and the last minor of `minors`. */
type Ranges = Record<string, Record<string, [number, number]>>;
type Removed = Record<string, Record<string, { removed: number; replacement?: string }>>;

const folder = join(import.meta.dirname, '../helm/kubernetes-apis');

async function main(): Promise<void> {
  const ranges = { servedApis: {} as Ranges, optionalApis: {} as Ranges };
  for (const source of minors) await addMinor(ranges, source);
  const removed: Removed = {};
  for (const source of types) await addTypes(removed, source);
  for (const version of Object.keys(removed)) if (Object.keys(removed[version] ?? {}).length === 0) delete removed[version];
  await writeModule('served-apis.ts', minors, [
    [
      'Kinds that a cluster serves unless it is told otherwise, with the first and the last minor (1.x) of those looked at.',
      'servedApis',
      ranges.servedApis,
    ],
    ['Alpha and beta kinds, which a cluster serves only with `--runtime-config`.', 'optionalApis', ranges.optionalApis],
  ]);
  await writeModule('removed-apis.ts', types, [
    [
      'Kinds that were served once: the minor (1.x) that no longer did, and the API version that took over.',
      'removedApis',
      removed,
    ],
  ]);
  await run(['npx', 'biome', 'format', '--write', folder]);
}

async function addMinor(ranges: { servedApis: Ranges; optionalApis: Ranges }, source: Source): Promise<void> {
  const root = await download(source);
  const minor = Number(/@v1\.(\d+)\./.exec(source.module)?.[1]);
  const enabled = enabledBetas(await readFile(join(root, 'pkg/controlplane/instance.go'), 'utf8'));
  const discovery = join(root, 'api/discovery');
  for (const file of (await readdir(discovery)).sort()) {
    if (!/^apis?__.*v\d[a-z0-9]*\.json$/.test(file)) continue;
    const { groupVersion, resources } = JSON.parse(await readFile(join(discovery, file), 'utf8'));
    for (const { name, kind, verbs } of resources) {
      // Subresources have a "/" in their names; what cannot be created is in no manifest.
      if (name.includes('/') || !verbs.includes('create')) continue;
      const served = !/v\d+(?:alpha|beta)\d+$/.test(groupVersion) || enabled.has(`${groupVersion} ${name}`);
      extend(served ? ranges.servedApis : ranges.optionalApis, groupVersion, kind, minor);
    }
  }
}

/** Betas from before 1.24 that stayed on. The discovery documents are those of a server that serves everything. */
function enabledBetas(source: string): Set<string> {
  const imports = new Map(
    [...source.matchAll(/^\t(\w+)\s+"k8s\.io\/(?:api|kubernetes\/pkg\/apis)\/([^"]+)"$/gm)].map(([, name, path]) => [name, path]),
  );
  const list = /legacyBetaEnabledByDefaultResources = \[\][\w.]+\{([\s\S]*?)\n\t\}/.exec(source)?.[1] ?? '';
  const entries = [...list.matchAll(/^\s*(\w+)\.SchemeGroupVersion\.WithResource\("(\w+)"\)/gm)];
  return new Set(entries.map(([, name, resource]) => `${groupOfFolder(imports.get(name) ?? '')} ${resource}`));
}

const groupsOfFolders: Readonly<Record<string, string>> = { flowcontrol: 'flowcontrol.apiserver.k8s.io' };

function groupOfFolder(path: string): string {
  const [name = '', version] = path.split('/');
  return `${groupsOfFolders[name] ?? name}/${version}`;
}

function extend(ranges: Ranges, version: string, kind: string, minor: number): void {
  const kinds = ranges[version] ?? {};
  kinds[kind] = [kinds[kind]?.[0] ?? minor, minor];
  ranges[version] = kinds;
}

async function addTypes(removed: Removed, source: Source): Promise<void> {
  const root = await download(source);
  for (const file of (await readdir(root, { recursive: true })).sort()) {
    if (!file.endsWith('/zz_generated.prerelease-lifecycle.go')) continue;
    const version = file.split('/').at(-2) ?? '';
    const group = await groupName(join(root, file, '..'));
    const name = group === '' ? version : `${group}/${version}`;
    removed[name] = { ...removed[name], ...Object.fromEntries(lifecycles(await readFile(join(root, file), 'utf8'))) };
  }
}

async function groupName(typesFolder: string): Promise<string> {
  const name = /GroupName = "([^"]*)"/;
  const texts = [join(typesFolder, 'register.go'), join(typesFolder, '../register.go')].map((path) =>
    readFile(path, 'utf8').catch(() => ''),
  );
  const found = (await Promise.all(texts)).map((text) => name.exec(text)?.[1]).find((group) => group !== undefined);
  if (found === undefined) throw new Error(`${typesFolder}: register.go names no group`);
  return found;
}

function* lifecycles(source: string): Generator<[string, { removed: number; replacement?: string }]> {
  for (const [, kind = '', minor] of source.matchAll(/\(in \*(\w+)\) APILifecycleRemoved\(\)[^{]*\{\s*return 1, (\d+)/g)) {
    if (kind.endsWith('List')) continue;
    const replaced = new RegExp(
      `\\(in \\*${kind}\\) APILifecycleReplacement\\(\\)[^{]*\\{\\s*return [^{]*\\{Group: "([^"]*)", Version: "([^"]*)"`,
    );
    const [, group, version] = replaced.exec(source) ?? [];
    const replacement =
      group === undefined || version === undefined ? {} : { replacement: group === '' ? version : `${group}/${version}` };
    yield [kind, { removed: Number(minor), ...replacement }];
  }
}

async function download({ module, sum }: Source): Promise<string> {
  const { stdout } = await run(['go', 'mod', 'download', '-json', module], { cwd: tmpdir() });
  const { Dir, Sum } = JSON.parse(stdout);
  if (Sum !== sum) throw new Error(`${module} has the digest ${Sum}, expected ${sum}`);
  return Dir;
}

async function writeModule(
  file: string,
  sources: readonly Source[],
  parts: readonly (readonly [string, string, object])[],
): Promise<void> {
  const named = sources.map(({ module }) => module).join(', ');
  const head = `// Generated by build/kubernetes-apis.ts from the Go modules ${named}.\n`;
  const bodies = parts.map(([doc, name, value]) => {
    const sorted = Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    const type =
      name === 'removedApis' ? '{ readonly removed: number; readonly replacement?: string }' : 'readonly [number, number]';
    return `\n/** ${doc} */\nexport const ${name}: Readonly<Record<string, Readonly<Record<string, ${type}>>>> = ${JSON.stringify(sorted)};\n`;
  });
  await writeFile(join(folder, file), head + bodies.join(''));
}

await main();
