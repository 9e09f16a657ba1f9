import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { annotationFindings, readAnnotatedImages } from '../charts/chart-annotations.ts';
import { readArchive } from '../charts/chart-archive.ts';
import { readYaml } from '../charts/subcharts.ts';
import type { DiscoverOptions } from '../discover.ts';
import type { Discovery, FoundReference } from '../discovery.ts';
import { readEffectiveValues } from '../effective-values.ts';
import type { Helm } from '../helm.ts';
import { ignoredReferences } from '../references/ignored-references.ts';
import type { HelmRelease } from '../render.ts';
import { openSession, type RenderSession } from '../render-session.ts';
import { isMap } from '../values-path.ts';
import { closedGateFindings } from './closed-gates.ts';
import { findCompiledIn } from './compiled-in.ts';
import { findDeclared, isShown, unusedReferences } from './declared-references.ts';
import { describeGated } from './describe-gated.ts';
import type { Gate } from './gate.ts';
import { readChartTree } from './gate-charts.ts';
import { type GateRender, GateRenderer } from './gate-render.ts';
import { GateRun } from './gate-run.ts';
import { changesImages, isOtherPin, withoutVariants } from './gate-variants.ts';
import { findSimpleGates } from './simple-gates.ts';
import { readGates } from './template-gates.ts';

export interface GateOptions extends DiscoverOptions {
  /** Renders after which no further gate is tried; probes of what the gates showed come on top. Default 120. */
  readonly maxRenders?: number;
  /** Milliseconds after which no further gate is tried. Default none, so that results do not depend on the machine. */
  readonly budgetMs?: number;
}

/** What stands behind a chart's switches, and what it declares and never uses. */
export interface Opened {
  readonly gated: readonly FoundReference[];
  readonly declared: readonly FoundReference[];
  readonly findings: readonly Finding[];
  readonly renders: number;
}

/**
 * Opens what keeps images from rendering as deployed: each gate in a render of its own on top of the release's values, the results united.
 * `gated`: references that a gate shows, with every smallest gate that does and the values that control them. `declared`: references that
 * stand in the values, or in a dump of them, and show in no render. A gate that fails is a finding (GATE_FAILED), as is one that was not
 * tried (GATES_UNFINISHED). Renders for the newest of `options.kubernetes`. Throws HELM_MISSING, CHART_INVALID.
 */
export async function openGates(helm: Helm, release: HelmRelease, discovery: Discovery, options: GateOptions): Promise<Opened> {
  const session = openSession(helm, release, { ...options, documents: discovery.documents });
  const values = await readEffectiveValues(helm, release, { everySubchart: true, signal: options.signal });
  const kubernetes = newest(options.kubernetes);
  const renderer = new GateRenderer(session, values, discovery, kubernetes);
  const files = readArchive(await readFile(release.chart), basename(release.chart));
  const read = readGates({ files, name: basename(release.chart) }, values);
  const gatesOf = (seen: Values): readonly Gate[] => readGates({ files, name: basename(release.chart) }, seen).gates;
  const run = new GateRun({ renderer, findGates: gatesOf, mayGoOn: budgetOf(session, options) });
  const declared = findDeclared(values);
  const gates = read.gates.filter((gate) => !isOtherPin(gate));
  await run.try(gates.toSorted((a, b) => Number(changesImages(a)) - Number(changesImages(b))));
  const seen = shownIn(discovery, run.opened);
  const unseen = declared.filter((image) => !isShown(image, seen)).map(({ path }) => path);
  await run.tryDeep(findSimpleGates(values, unseen));
  const own = readYaml(files, 'values.yaml');
  const defaults = readChartTree(files, basename(release.chart), isMap(own) ? own : {}).values;
  const opened = withoutVariants(
    run.opened,
    discovery.references.map(({ reference }) => reference),
  );
  const gated = await describeGated(opened, { values, defaults, discovery, options, release });
  const unused = declaredOf(declared, discovery, opened);
  const deployed = discovery.bases.find((base) => base.kubernetes === kubernetes);
  const compiledIn = deployed === undefined ? [] : await findCompiledIn(session, values, deployed);
  const shown = [...seen, ...gated.map(({ reference }) => reference)];
  return {
    gated,
    declared: unused,
    findings: [
      ...renderer.findings(),
      ...run.unfinished(),
      ...closedGateFindings(
        read.closed,
        new Set([...seen, ...shownIn(discovery, run.opened)]),
        ignoredReferences(options.ignore),
      ),
      ...compiledIn,
      ...annotationFindings(await readAnnotatedImages(release.chart), shown),
    ],
    renders: session.renders + 1,
  };
}

/** Minors compare by their numbers: 1.9 is older than 1.30. */
function newest(minors: readonly string[]): string {
  const sorted = minors.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return sorted.at(-1) ?? '';
}

function budgetOf(session: RenderSession, { maxRenders = 120, budgetMs = Number.POSITIVE_INFINITY }: GateOptions): () => boolean {
  const end = performance.now() + budgetMs;
  return () => session.renders < maxRenders && performance.now() < end;
}

function shownIn(discovery: Discovery, opened: readonly GateRender[]): ReadonlySet<string> {
  return new Set([
    ...discovery.references.map(({ reference }) => reference),
    ...opened.flatMap(({ references }) => [...references]),
  ]);
}

function declaredOf(
  declared: ReturnType<typeof findDeclared>,
  discovery: Discovery,
  opened: readonly GateRender[],
): readonly FoundReference[] {
  const seen = shownIn(discovery, opened);
  const dumped = discovery.dumped.filter(({ reference }) => !seen.has(reference));
  const known = new Set([...seen, ...dumped.map(({ reference }) => reference)]);
  return [...dumped, ...unusedReferences(declared, known)].sort((a, b) => (a.reference < b.reference ? -1 : 1));
}
