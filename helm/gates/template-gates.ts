import type { Values } from '../../bundle-spec/values-layer.ts';
import type { ChartFiles } from '../charts/chart-archive.ts';
import { parseTemplate } from '../templates/template-syntax.ts';
import { known, opaque, type Term } from '../templates/template-term.ts';
import { type DefinedTemplate, TemplateWalk } from '../templates/template-walk.ts';
import { formatPath } from '../values-path.ts';
import type { Gate } from './gate.ts';
import { readChartTree, type ScopedChart } from './gate-charts.ts';
import { and, type Condition } from './gate-condition.ts';
import { placeholderHost, valueKnowledge } from './gate-knowledge.ts';
import { GateSolver, keyOf, type Solution, sizeOf } from './gate-solver.ts';
import { GateWorld } from './gate-world.ts';
import { type Sighting, SightingFinder } from './image-sightings.ts';
import { switchGates } from './switch-gates.ts';

const mostGates = 200;

/** An image that a template names in full. */
export interface LiteralImage {
  readonly reference: string;
  /** `shop/templates/pod.yaml:12`. */
  readonly where: string;
}

export interface ChartGates {
  readonly gates: readonly Gate[];
  /** Images that templates name where they are not known to render as deployed, each once. */
  readonly closed: readonly LiteralImage[];
}

/** The gates of a chart. */
export function findGates(chart: { readonly files: ChartFiles; readonly name: string }, values: Values): Gate[] {
  return [...readGates(chart, values).gates];
}

/**
 * The settings that make a chart render images which it does not render with `values`, most promising first; at most 200. Every condition
 * of the templates that keeps an image back is read from a parse of them, helm is not asked. `values` are the effective ones. For a chart
 * with a template that cannot be read to its end, the switches beside images that were not seen are gates too.
 */
export function readGates(chart: { readonly files: ChartFiles; readonly name: string }, values: Values): ChartGates {
  const tree = readChartTree(chart.files, chart.name, values);
  const world = new GateWorld(tree.values);
  const { sightings, refusals, walk, unreadCharts } = walkCharts(tree.charts, world);
  const closed = sightings.filter(({ guard }) => world.holds(guard) !== true);
  const knowledge = valueKnowledge(
    tree.charts,
    [...walk.conditions, ...closed.map(({ guard }) => guard), ...refusals],
    walk.uses,
  );
  const solver = new GateSolver(world, knowledge, refusals);
  const shown = new Set(sightings.filter(({ guard }) => world.holds(guard) === true).map(({ shows }) => shows));
  const unread = walk.isExhausted ? tree.charts : unreadCharts;
  const literals = new Map(closed.filter(({ literal }) => literal).map(({ shows, where }) => [shows, where]));
  return {
    gates: [...gatesOf(closed, solver, shown), ...switchGates(unread, world.values, shown)].slice(0, mostGates),
    closed: [...literals].map(([reference, where]) => ({ reference, where })),
  };
}

interface WalkedCharts {
  readonly sightings: readonly Sighting[];
  readonly refusals: readonly Condition[];
  readonly walk: TemplateWalk;
  /** Charts with a template that is none. */
  readonly unreadCharts: readonly ScopedChart[];
}

function walkCharts(charts: readonly ScopedChart[], world: GateWorld): WalkedCharts {
  const files = charts.flatMap(templatesOf);
  const walk = new TemplateWalk(definedIn(files), world);
  const finder = new SightingFinder(world.values);
  const sightings: Sighting[] = [];
  const refusals: Condition[] = [];
  const roots = new Map(charts.map((chart) => [chart, rootOf(chart)]));
  for (const { chart, path, nodes } of files) {
    if (nodes === undefined || /(?:^|\/)_[^/]*$/.test(path)) continue;
    const walked = walk.walk(nodes, roots.get(chart) ?? rootOf(chart), path);
    for (const refusal of walked.refusals) refusals.push(and(chart.enabled, refusal));
    if (path.endsWith('/NOTES.txt')) continue;
    for (const sighting of finder.sightingsIn(walked.parts))
      sightings.push({ ...sighting, guard: and(chart.enabled, sighting.guard) });
  }
  const unreadCharts = charts.filter((chart) => files.some((file) => file.chart === chart && file.nodes === undefined));
  return { sightings, refusals, walk, unreadCharts };
}

interface TemplateFile {
  readonly chart: ScopedChart;
  readonly path: string;
  readonly nodes: DefinedTemplate['nodes'] | undefined;
  readonly defined: ReadonlyMap<string, DefinedTemplate['nodes']>;
}

function templatesOf(chart: ScopedChart): TemplateFile[] {
  return [...chart.files]
    .filter(([path]) => path.startsWith('templates/'))
    .map(([path, body]) => ({ chart, path: `${chart.folder}/${path}`, ...parsed(body.toString('utf8')) }));
}

function parsed(source: string): Pick<TemplateFile, 'nodes' | 'defined'> {
  try {
    const { body, defined } = parseTemplate(source);
    return { nodes: body, defined };
  } catch {
    return { nodes: undefined, defined: new Map() };
  }
}

/** Names are shared by all charts of a release; a parent's template wins over that of a subchart. Each file has its path as name. */
function definedIn(files: readonly TemplateFile[]): Map<string, DefinedTemplate> {
  const defined = new Map<string, DefinedTemplate>();
  for (const file of files.toReversed()) {
    if (file.nodes !== undefined) defined.set(file.path, { nodes: file.nodes, file: file.path });
    for (const [name, nodes] of file.defined) defined.set(name, { nodes, file: file.path });
  }
  return defined;
}

/** What `.` is at the top of a chart's templates. */
function rootOf({ folder, files, metadata, scope }: ScopedChart): Term {
  const entries = Object.entries(metadata).map(([key, value]) => [`${key[0]?.toUpperCase()}${key.slice(1)}`, value]);
  const release = { Name: 'release', Namespace: 'default', Service: 'Helm', Revision: 1, IsInstall: true };
  return {
    kind: 'map',
    entries: new Map<string, Term>([
      ['Values', { kind: 'value', path: scope, root: true }],
      ['Chart', known({ ...Object.fromEntries(entries), IsRoot: scope.length === 0 })],
      ['Release', { kind: 'map', entries: new Map([...Object.entries(release).map(knownEntry), ['IsUpgrade', opaque]]) }],
      ['Capabilities', { kind: 'cluster', part: 'capabilities' }],
      ['Files', { kind: 'files', files }],
      ['Template', known({ Name: `${folder}/templates/template.yaml`, BasePath: `${folder}/templates` })],
    ]),
  };
}

function knownEntry([key, value]: readonly [string, unknown]): [string, Term] {
  return [key, known(value)];
}

type Solved = { readonly sighting: Sighting; readonly solutions: readonly [Solution, ...Solution[]] };

/** Smaller gates come first and cover what they open as well. `rendered` are the images that need no gate. */
function gatesOf(closed: readonly Sighting[], solver: GateSolver, rendered: ReadonlySet<string>): Gate[] {
  const solved = closed.flatMap((sighting): Solved[] => {
    const [first, ...rest] = solver.open(sighting.guard).filter((solution) => !isInvented(solution, sighting));
    return first === undefined ? [] : [{ sighting, solutions: [first, ...rest] }];
  });
  const choice = new GateChoice(solver, rendered);
  for (const one of solved.toSorted((a, b) => sizeOf(a.solutions[0]) - sizeOf(b.solutions[0]))) choice.add(one);
  return choice.gates();
}

/** What would be shown is an image that the gate itself had to invent. */
function isInvented({ settings }: Solution, { shows }: Sighting): boolean {
  return [...settings.values()].some(
    ({ path, value }) =>
      String(value).startsWith(placeholderHost) && shows.replace(/\.[^.]*$/, '') === formatPath(path.slice(0, -1)),
  );
}

/** Gates that show an image of their own, then other ways to open the same, then single settings that show an image in another place. */
class GateChoice {
  readonly #solver: GateSolver;
  readonly #shown: Set<string>;
  readonly #worlds: GateWorld[] = [];
  readonly #showing = new Map<string, Gate>();
  readonly #otherWays = new Map<string, Gate>();
  readonly #repeating = new Map<string, Gate>();

  constructor(solver: GateSolver, rendered: ReadonlySet<string>) {
    this.#solver = solver;
    this.#shown = new Set(rendered);
  }

  add({ sighting, solutions: [best, ...others] }: Solved): void {
    const isNew = !this.#shown.has(sighting.shows);
    if (this.#solver.isRefused(best)) {
      keep(this.#otherWays, best, sighting.where);
      return;
    }
    const isOpen = this.#worlds.some((world) => world.holds(sighting.guard) === true);
    this.#shown.add(sighting.shows);
    if (isOpen || (!isNew && sizeOf(best) > 1)) return;
    this.#worlds.push(this.#solver.worldOf(best));
    keep(isNew ? this.#showing : this.#repeating, best, sighting.where);
    if (isNew) for (const other of others) keep(this.#otherWays, other, sighting.where);
  }

  gates(): Gate[] {
    const all = new Map<string, Gate>();
    for (const [key, gate] of [...this.#showing, ...this.#otherWays, ...this.#repeating]) if (!all.has(key)) all.set(key, gate);
    return [...all.values()];
  }
}

function keep(gates: Map<string, Gate>, solution: Solution, where: string): void {
  const key = keyOf(solution);
  if (!gates.has(key)) gates.set(key, gateOf(solution, where));
}

function gateOf({ settings, apiVersions, kubernetes }: Solution, where: string): Gate {
  return {
    settings: [...settings.values()].map(({ path, value }) => ({ path, value })),
    ...(apiVersions.length === 0 ? {} : { apiVersions }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
    where,
  };
}
