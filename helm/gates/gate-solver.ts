import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import { and, type Condition, not } from './gate-condition.ts';
import { isPartOfImage, pinsImage } from './gate-knowledge.ts';
import { GateWorld } from './gate-world.ts';
import { isTruthy, passes, type ValueTest, valuesPassing } from './value-test.ts';

/** A value to set. `loose` where any other true value would do as well. */
export interface Setting {
  readonly path: Path;
  readonly value: unknown;
  readonly loose: boolean;
}

/** One way to make a condition hold. */
export interface Solution {
  readonly settings: ReadonlyMap<string, Setting>;
  readonly apiVersions: readonly string[];
  readonly kubernetes: string | undefined;
}

/** What the solver has to be told about values that templates only ask for. */
export interface ValueKnowledge {
  /** Other values that the chart knows at this path, most likely first. */
  readonly alternatives: (path: Path) => readonly unknown[];
  /** Something true for a path that is false or absent; `undefined` where nothing may be invented. */
  readonly filling: (path: Path, current: unknown) => unknown;
}

const mostSolutions = 4;
const mostPartial = 8;
const mostNamed = 6;
const mostMendings = 6;
const nothingToDo: Solution = { settings: new Map(), apiVersions: [], kubernetes: undefined };

/** Turns conditions into settings that make them hold, the smallest first. */
export class GateSolver {
  readonly #world: GateWorld;
  readonly #knowledge: ValueKnowledge;
  readonly #refusals: readonly Condition[];
  readonly #solved = new Map<Condition, readonly Solution[]>();
  readonly #worlds = new Map<Solution, GateWorld>();

  /** `refusals` are the conditions under which the chart does not render at all. */
  constructor(world: GateWorld, knowledge: ValueKnowledge, refusals: readonly Condition[]) {
    this.#world = world;
    this.#knowledge = knowledge;
    this.#refusals = refusals.flatMap(alternativesOf).filter((refusal) => world.holds(refusal) !== true);
  }

  /** At most four ways to make `condition` hold, each checked as far as it can be. Empty where none is known or none is needed. */
  open(condition: Condition): Solution[] {
    const open = this.#solve(condition, true)
      .filter((solution) => sizeOf(solution) > 0)
      .map((solution) => this.#completed(solution, condition))
      .map((solution) => this.#withoutRefusal(solution, condition))
      .filter((solution) => this.worldOf(solution).holds(condition) !== false);
    const smallest = withoutSupersets(open);
    return [
      ...smallest.filter((solution) => !this.isRefused(solution)),
      ...smallest.filter((solution) => this.isRefused(solution)),
    ].slice(0, mostSolutions);
  }

  /** The chart is known not to render with the solution. */
  isRefused(solution: Solution): boolean {
    const world = this.worldOf(solution);
    return this.#refusals.some((refusal) => world.holds(refusal) === true);
  }

  /** The world with the settings of a solution. */
  worldOf(solution: Solution): GateWorld {
    const found = this.#worlds.get(solution) ?? worldWith(this.#world, solution);
    this.#worlds.set(solution, found);
    return found;
  }

  /** One setting can close what another opens: `size=true`, where a size that is set has to be 3. With what is then missing. */
  #completed(solution: Solution, condition: Condition): Solution {
    const world = this.worldOf(solution);
    if (world.holds(condition) !== false) return solution;
    const more = new GateSolver(world, this.#knowledge, []).#solve(condition, true);
    const complete = more.flatMap((one) => merged(solution, one) ?? []);
    return complete.find((one) => this.worldOf(one).holds(condition) === true) ?? solution;
  }

  /** Adds what the chart demands besides: `required` values, or another switch that `fail` asks for. As it is where that is not found. */
  #withoutRefusal(solution: Solution, condition: Condition): Solution {
    let current = solution;
    for (let round = 0; round < mostMendings; round += 1) {
      const world = this.worldOf(current);
      const refusal = this.#refusals.find((one) => world.holds(one) === true);
      if (refusal === undefined) return current;
      const mended = this.#mended(current, refusal, condition);
      if (mended === undefined) return solution;
      current = mended;
    }
    return solution;
  }

  /** `solution` with the smallest addition that keeps `condition` and ends `refusal`; one that the chart then takes comes first. */
  #mended(solution: Solution, refusal: Condition, condition: Condition): Solution | undefined {
    const solver = new GateSolver(this.worldOf(solution), this.#knowledge, []);
    const mended = solver.#solve(refusal, false).flatMap((more) => {
      const both = merged(solution, more);
      const world = both === undefined ? undefined : this.worldOf(both);
      return both !== undefined && world?.holds(condition) !== false && world?.holds(refusal) !== true ? [both] : [];
    });
    return mended.find((both) => !this.isRefused(both)) ?? mended[0];
  }

  #solve(asked: Condition, wanted: boolean): readonly Solution[] {
    const condition = wanted ? asked : not(asked);
    if (this.#world.holds(condition) === true) return [nothingToDo];
    const before = this.#solved.get(condition);
    if (before !== undefined) return before;
    this.#solved.set(condition, []); // A condition never holds itself; this keeps a mistake from looping.
    const found = smallestFirst(this.#find(condition));
    this.#solved.set(condition, found);
    return found;
  }

  #find(condition: Condition): readonly Solution[] {
    switch (condition.kind) {
      case 'always':
      case 'unknown':
        return [nothingToDo];
      case 'never':
        return [];
      case 'and':
        return this.#all(condition.all);
      case 'or':
        return condition.all.flatMap((one) => this.#solve(one, true));
      case 'not':
        return this.#findDenied(condition.of);
      case 'api':
        return [{ ...nothingToDo, apiVersions: [condition.version] }];
      case 'kubernetes':
        return versionsIn(condition, this.#world);
      case 'value':
        return this.#setting(condition.path, condition.test, true);
      default:
        return condition satisfies never;
    }
  }

  #findDenied(condition: Condition): readonly Solution[] {
    switch (condition.kind) {
      case 'and':
        return condition.all.flatMap((one) => this.#solve(one, false));
      case 'or':
        return this.#all(condition.all.map(not));
      case 'value':
        return this.#setting(condition.path, condition.test, false);
      case 'kubernetes':
        return versionsIn(not(condition), this.#world);
      default:
        return condition.kind === 'unknown' ? [nothingToDo] : [];
    }
  }

  #all(conditions: readonly Condition[]): readonly Solution[] {
    let partial: readonly Solution[] = [nothingToDo];
    for (const condition of conditions) {
      const ways = this.#solve(condition, true);
      partial = smallestFirst(
        partial.flatMap((solution) => ways.map((way) => merged(solution, way)).filter((way) => way !== undefined)),
      );
    }
    return partial;
  }

  #setting(path: Path, test: ValueTest, wanted: boolean): Solution[] {
    const current = getAt(this.#world.values, path);
    return this.#valuesFor(path, test, wanted, current).map((value) => ({
      ...nothingToDo,
      settings: new Map([[formatPath(path), { path, value, loose: wanted && isLoose(test) }]]),
    }));
  }

  #valuesFor(path: Path, test: ValueTest, wanted: boolean, current: unknown): unknown[] {
    const pins = pinsImage(path);
    if ((pins && !(wanted && isLoose(test))) || path.includes('')) return [];
    const named = (pins ? [] : this.#knowledge.alternatives(path)).filter((value) => passes(test, value) === wanted);
    if (wanted && isLoose(test)) {
      const filling = this.#knowledge.filling(path, current);
      if (typeof current === 'boolean' || named.length === 0) return filling === undefined ? [] : [filling];
      return named.slice(0, mostNamed);
    }
    const made = valuesPassing(test, wanted, current).filter((value) =>
      test.is === 'equal' ? wanted || isTruthy(value) : typeof value !== 'string' || !isPartOfImage(path),
    );
    return made.length === 0 ? named.slice(0, mostNamed) : made;
  }
}

/** Any value that is there or true passes. */
function isLoose({ is }: ValueTest): boolean {
  return is === 'truthy' || is === 'present';
}

/** A refusal for several reasons as one for each, so that a reason that is misjudged does not hide the others. */
function alternativesOf(condition: Condition): readonly Condition[] {
  if (condition.kind === 'or') return condition.all.flatMap(alternativesOf);
  const either = condition.kind === 'and' ? condition.all.find(({ kind }) => kind === 'or') : undefined;
  if (condition.kind !== 'and' || either === undefined) return [condition];
  const rest = condition.all.filter((one) => one !== either);
  return alternativesOf(either).map((one) => and(...rest, one));
}

function versionsIn(condition: Condition, world: GateWorld): Solution[] {
  for (let minor = 36; minor >= 20; minor -= 1) {
    const kubernetes = `1.${minor}`;
    if (new GateWorld(world.values, world.apiVersions, kubernetes).holds(condition)) return [{ ...nothingToDo, kubernetes }];
  }
  return [];
}

function worldWith(world: GateWorld, { settings, apiVersions, kubernetes }: Solution): GateWorld {
  let values: unknown = world.values;
  for (const { path, value } of settings.values()) values = withValue(values, path, value);
  return new GateWorld(
    isMap(values) ? values : {},
    new Set([...world.apiVersions, ...apiVersions]),
    kubernetes ?? world.kubernetes,
  );
}

/** A copy of `container` with `value` at `path`; what is not on the way is shared. */
export function withValue(container: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy: unknown =
    typeof step === 'number' ? (Array.isArray(container) ? [...container] : []) : isMap(container) ? { ...container } : {};
  (copy as Record<string | number, unknown>)[step] = withValue(getAt(container, [step]), rest, value);
  return copy;
}

/** Both together; `undefined` where they contradict each other. */
function merged(a: Solution, b: Solution): Solution | undefined {
  if (a === nothingToDo) return b;
  if (b === nothingToDo) return a;
  if (a.kubernetes !== undefined && b.kubernetes !== undefined && a.kubernetes !== b.kubernetes) return undefined;
  const settings = new Map(a.settings);
  for (const [key, setting] of b.settings) {
    const chosen = chosenOf(settings.get(key), setting);
    if (chosen === undefined) return undefined;
    settings.set(key, chosen);
  }
  dropImplied(settings);
  const apiVersions = [...new Set([...a.apiVersions, ...b.apiVersions])];
  return { settings, apiVersions, kubernetes: a.kubernetes ?? b.kubernetes };
}

function chosenOf(own: Setting | undefined, other: Setting): Setting | undefined {
  if (own === undefined || own.loose) return other;
  return other.loose || JSON.stringify(own.value) === JSON.stringify(other.value) ? own : undefined;
}

/** A map that only has to be there needs no setting of its own when something below it is set. */
function dropImplied(settings: Map<string, Setting>): void {
  for (const [key, { path, loose, value }] of settings) {
    const implied = (loose || isMap(value)) && [...settings.values()].some((other) => isBelow(other.path, path));
    if (implied) settings.delete(key);
  }
}

function isBelow(path: Path, ancestor: Path): boolean {
  return path.length > ancestor.length && ancestor.every((step, index) => step === path[index]);
}

/** How much a solution asks for. */
export function sizeOf({ settings, apiVersions, kubernetes }: Solution): number {
  return settings.size + apiVersions.length + (kubernetes === undefined ? 0 : 1);
}

function smallestFirst(solutions: readonly Solution[]): Solution[] {
  const distinct = new Map(solutions.map((solution) => [keyOf(solution), solution]));
  return [...distinct.values()].toSorted((a, b) => sizeOf(a) - sizeOf(b)).slice(0, mostPartial);
}

/** The same for solutions that ask for the same. */
export function keyOf({ settings, apiVersions, kubernetes }: Solution): string {
  const values = [...settings].map(([key, { value }]) => `${key}=${JSON.stringify(value)}`).toSorted();
  return [...values, ...apiVersions.toSorted(), kubernetes ?? ''].join('\n');
}

function withoutSupersets(solutions: readonly Solution[]): Solution[] {
  const kept: Solution[] = [];
  for (const solution of solutions.toSorted((a, b) => sizeOf(a) - sizeOf(b))) {
    if (!kept.some((smaller) => includes(solution, smaller))) kept.push(solution);
  }
  return kept;
}

function includes(larger: Solution, smaller: Solution): boolean {
  return (
    [...smaller.settings].every(
      ([key, { value }]) => JSON.stringify(larger.settings.get(key)?.value) === JSON.stringify(value),
    ) &&
    smaller.apiVersions.every((version) => larger.apiVersions.includes(version)) &&
    (smaller.kubernetes === undefined || smaller.kubernetes === larger.kubernetes)
  );
}
