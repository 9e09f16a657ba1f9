import { z } from 'zod';
import { dependencyCycle } from './dependency-cycle.ts';
import { nearName } from './near-name.ts';
import type { Problem } from './problem.ts';

const text = z.string().optional().catch(undefined);

/** As much of a Bundle as the rules below look at; what is not as it should be is left out, since the schema tells that. */
const Outline = z.object({
  releases: z
    .array(z.object({ name: text, dependsOn: z.array(text).catch([]) }).catch({ name: undefined, dependsOn: [] }))
    .catch([]),
  images: z.object({ paths: z.array(z.object({ release: text }).catch({ release: undefined })).catch([]) }).catch({ paths: [] }),
  sources: z
    .object({
      charts: z.array(z.object({ url: text }).catch({ url: undefined })).catch([]),
      images: z.array(z.object({ host: text }).catch({ host: undefined })).catch([]),
    })
    .catch({ charts: [], images: [] }),
});
type Outline = z.infer<typeof Outline>;

/** The rules of a Bundle that go across its fields: names given once, names that exist, no cycle of `dependsOn`. */
export function checkBundle(value: unknown): Problem[] {
  const outline = Outline.safeParse(value);
  if (!outline.success) return [];
  const { releases, sources } = outline.data;
  return [
    ...givenTwice(
      releases.map((release) => release.name),
      (index) => ['releases', index, 'name'],
      'releases are told apart by name, so that dependsOn, images.paths and a site can refer to them',
    ),
    ...givenTwice(
      sources.images.map((source) => source.host),
      (index) => ['sources', 'images', index, 'host'],
      'a host is described once',
    ),
    ...givenTwice(
      sources.charts.map((source) => source.url),
      (index) => ['sources', 'charts', index, 'url'],
      'a repository is described once',
    ),
    ...unknownReleases(outline.data),
    ...cycle(outline.data),
  ];
}

function givenTwice(names: readonly (string | undefined)[], pathOf: (index: number) => Problem['path'], why: string): Problem[] {
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (name === undefined || first === index) return [];
    return [{ path: pathOf(index), message: `"${name}" is already the name of ${listEntry(pathOf(first))}; ${why}` }];
  });
}

/** `releases[0]` for `releases[0].name`. */
function listEntry(path: Problem['path']): string {
  return `${path.slice(0, -2).join('.')}[${String(path.at(-2))}]`;
}

function unknownReleases({ releases, images }: Outline): Problem[] {
  const names = releases.flatMap(({ name }) => name ?? []);
  const references = [
    ...releases.flatMap(({ dependsOn }, release) =>
      dependsOn.map((name, index) => ({ name, path: ['releases', release, 'dependsOn', index] })),
    ),
    ...images.paths.map(({ release: name }, index) => ({ name, path: ['images', 'paths', index, 'release'] })),
  ];
  return references.flatMap(({ name, path }) => {
    if (name === undefined || names.includes(name)) return [];
    const near = nearName(name, names);
    const help = near === undefined ? `there are ${[...new Set(names)].join(', ') || 'none'}` : `did you mean "${near}"?`;
    return [{ path, message: `there is no release "${name}"; ${help}` }];
  });
}

function cycle({ releases }: Outline): Problem[] {
  if (new Set(releases.map(({ name }) => name)).size < releases.length) return []; // told already, and who waits for whom is unclear
  const dependsOn = new Map(releases.map(({ name = '', dependsOn }) => [name, dependsOn.flatMap((other) => other ?? [])]));
  const names = dependencyCycle(dependsOn);
  if (names === undefined) return [];
  const index = releases.findIndex(({ name }) => name === names[0]);
  return [{ path: ['releases', index, 'dependsOn'], message: `the releases wait for each other: ${names.join(' -> ')}` }];
}
