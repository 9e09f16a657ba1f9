import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { formatPath } from '../values-path.ts';
import { formatGate, type Gate } from './gate.ts';
import type { GateRender, GateRenderer } from './gate-render.ts';

/** How many gates are tried at once: helm is bound by the processor. */
const gatesAtOnce = 2;
/** How many gates that opened something are asked for further ones behind them. */
const mostInner = 4;

export interface GateRunOptions {
  readonly renderer: GateRenderer;
  /** Gates of the chart with these values, most promising first, with what they need of each other. */
  readonly findGates: (values: Values) => readonly Gate[];
  /** False once renders or time are used up. */
  readonly mayGoOn: () => boolean;
}

/** Tries gates, each alone, and then what a gate that opened something has behind it. */
export class GateRun {
  /** The gates that show a reference. */
  readonly opened: GateRender[] = [];
  readonly #options: GateRunOptions;
  readonly #tried = new Set<string>();
  readonly #untried: Gate[] = [];

  constructor(options: GateRunOptions) {
    this.#options = options;
  }

  /** Tries each of `gates` that was not tried yet; returns those that show a reference. */
  async try(gates: readonly Gate[]): Promise<readonly GateRender[]> {
    const fresh = gates.filter((gate) => !this.#tried.has(keyOf(gate)));
    for (const gate of fresh) this.#tried.add(keyOf(gate));
    const shown = await this.#openAll(fresh);
    this.opened.push(...shown);
    return shown;
  }

  /** The same for gates of which nothing tells what else they need: what keeps more from rendering behind them is tried too. */
  async tryDeep(gates: readonly Gate[]): Promise<void> {
    const shown = await this.try(gates);
    await this.try(shown.slice(0, mostInner).flatMap((render) => this.#gatesBehind(render)));
  }

  /** GATES_UNFINISHED, where renders or time did not reach for all. */
  unfinished(): Finding[] {
    if (this.#untried.length === 0) return [];
    const some = this.#untried.slice(0, 10).map(formatGate);
    const more = this.#untried.length > some.length ? ` and ${this.#untried.length - some.length} more` : '';
    return [
      {
        severity: 'info',
        code: 'GATES_UNFINISHED',
        message: `what these settings bring was not tried, for want of renders or time: ${some.join('; ')}${more}`,
        fix: 'give a scan profile that sets those you use',
      },
    ];
  }

  async #openAll(gates: readonly Gate[]): Promise<GateRender[]> {
    const shown: (readonly [number, GateRender])[] = [];
    const queue = gates.entries();
    const work = async (): Promise<void> => {
      for (const [index, gate] of queue) {
        const render = this.#options.mayGoOn() ? await this.#options.renderer.open(gate) : this.#leave(gate);
        if (render !== undefined && render.references.size > 0) shown.push([index, render]);
      }
    };
    await Promise.all(Array.from({ length: gatesAtOnce }, work));
    return shown.sort(([a], [b]) => a - b).map(([, render]) => render);
  }

  #leave(gate: Gate): undefined {
    this.#untried.push(gate);
  }

  /** What keeps more from rendering once this gate is open, together with it. */
  #gatesBehind({ gate, values }: GateRender): Gate[] {
    const set = new Set(gate.settings.map(({ path }) => formatPath(path)));
    return this.#options
      .findGates(values)
      .filter((inner) => !this.#tried.has(keyOf(inner)) && !inner.settings.some(({ path }) => set.has(formatPath(path))))
      .map((inner) => together(gate, inner));
  }
}

function together(outer: Gate, inner: Gate): Gate {
  const apiVersions = [...new Set([...(outer.apiVersions ?? []), ...(inner.apiVersions ?? [])])];
  const kubernetes = inner.kubernetes ?? outer.kubernetes;
  return {
    settings: [...outer.settings, ...inner.settings],
    ...(apiVersions.length === 0 ? {} : { apiVersions }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
    where: inner.where,
  };
}

/** The same for the same settings in any order. */
function keyOf(gate: Gate): string {
  return [...settingsOf(gate)].sort().join('\n');
}

/** Each thing that a gate sets, by itself. */
export function settingsOf({ settings, apiVersions = [], kubernetes }: Gate): ReadonlySet<string> {
  return new Set([
    ...settings.map(({ path, value }) => `${formatPath(path)}=${JSON.stringify(value)}`),
    ...apiVersions.map((version) => `api ${version}`),
    ...(kubernetes === undefined ? [] : [`kubernetes ${kubernetes}`]),
  ]);
}
