import { createHash } from 'node:crypto';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { canonical } from '../assemble-discovery.ts';
import { type BaseRender, readBase } from '../base-render.ts';
import type { Discovery } from '../discovery.ts';
import { mergeValues } from '../merge-values.ts';
import { applyEdits } from '../overrides.ts';
import { asReference } from '../references/reference-text.ts';
import { dumpedPath } from '../references/values-dump.ts';
import { deriveSession, type RenderSession } from '../render-session.ts';
import { formatPath } from '../values-path.ts';
import { formatGate, type Gate } from './gate.ts';
import { placeholderHost } from './gate-knowledge.ts';
import { leanerSettings, repairsFor } from './gate-repairs.ts';
import { rivalsOff, withField } from './gate-rivals.ts';

/** How often a gate is tried again with what the chart's message asks for. */
const repairRounds = 4;

/** Characters of a gate in a message: made-up maps can be long. */
const longestName = 200;

/** What differs from what is deployed. */
interface Shown {
  /** The objects that are not as deployed. */
  readonly base: BaseRender;
  /** Canonical references in use that do not show as deployed. */
  readonly references: ReadonlySet<string>;
}

/** What a release renders with a gate open. */
export interface GateRender extends Shown {
  /** With what had to be set besides. */
  readonly gate: Gate;
  /** The values that the templates then see. */
  readonly values: Values;
  /** Renders with the gate open. */
  readonly session: RenderSession;
}

/** Renders one gate after the other and compares each with what is deployed. */
export class GateRenderer {
  readonly #failed = new Map<string, Gate[]>();
  readonly #session: RenderSession;
  /** With those of the subcharts that are left out. */
  readonly #values: Values;
  readonly #kubernetes: string;
  readonly #deployedObjects: ReadonlySet<unknown>;
  readonly #deployed: ReadonlySet<string>;
  /** What was read already, by the digest of the stream: many switches change nothing. */
  readonly #read = new Map<string, Shown>();

  constructor(session: RenderSession, values: Values, discovery: Discovery, kubernetes: string) {
    this.#session = session;
    this.#values = values;
    this.#kubernetes = kubernetes;
    this.#deployedObjects = new Set(discovery.bases.flatMap(({ objects }) => objects.map(({ value }) => value)));
    this.#deployed = new Set(discovery.references.map(({ reference }) => reference));
  }

  /** GATE_FAILED, one for each reason that a chart gave. */
  findings(): Finding[] {
    return [...this.#failed].map(([reason, gates]) => gateFailed(gates, reason));
  }

  /** `undefined` for a gate that fails, which is then among the findings. */
  async open(gate: Gate): Promise<GateRender | undefined> {
    let current = gate;
    for (let round = 0; ; round += 1) {
      const values = mergeValues(this.#values, applyEdits(this.#values, current.settings));
      const session = this.#sessionOf(current);
      const rendered = await this.#print(session, current);
      if (typeof rendered === 'string') return this.#compare(rendered, { gate: current, values, session });
      const next = round < repairRounds ? repaired(current, rendered.message, values) : undefined;
      if (next === undefined) return this.#fail(gate, rendered);
      current = next;
    }
  }

  #sessionOf({ settings, apiVersions = [] }: Gate): RenderSession {
    const session = this.#session;
    const opened = applyEdits(this.#values, settings);
    return deriveSession(session, {
      print: (kubernetes, changes) => {
        const overrides = changes === undefined ? opened : mergeValues(opened, changes.overrides);
        return session.print(kubernetes, { overrides, probe: true, apiVersions });
      },
    });
  }

  async #print(session: RenderSession, gate: Gate): Promise<string | BundleError> {
    try {
      return await session.print(gate.kubernetes ?? this.#kubernetes);
    } catch (error) {
      if (error instanceof BundleError && error.code === 'RENDER_FAILED') return error;
      throw error;
    }
  }

  #compare(stream: string, opened: Omit<GateRender, keyof Shown>): GateRender | undefined {
    const digest = createHash('sha256').update(stream).digest('base64');
    try {
      const shown = this.#read.get(digest) ?? this.#show(stream, opened);
      this.#read.set(digest, shown);
      return { ...opened, ...shown };
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      return this.#fail(opened.gate, error);
    }
  }

  #fail(gate: Gate, { message }: BundleError): undefined {
    const reason = message.replace(/^release \S+ does not render for Kubernetes \S+: /, '');
    this.#failed.set(reason, [...(this.#failed.get(reason) ?? []), gate]);
  }

  /** What shows nothing is not kept: neither its objects nor the documents that were parsed for it. */
  #show(stream: string, { gate, values, session }: Omit<GateRender, keyof Shown>): Shown {
    const { documents } = session;
    const before = documents.size;
    const kubernetes = gate.kubernetes ?? this.#kubernetes;
    const objects = session.read(stream).filter(({ value }) => !this.#deployedObjects.has(value));
    const base = readBase(objects, kubernetes);
    const references = this.#newReferences(base, values);
    if (references.size > 0) return { base, references };
    for (const document of [...documents.keys()].slice(before)) documents.delete(document);
    return { base: readBase([], kubernetes), references };
  }

  #newReferences({ places }: BaseRender, values: Values): ReadonlySet<string> {
    const shown = places.filter((place) => place.complete && asReference(place.text) !== undefined);
    const used = shown.filter((place) => dumpedPath(place, values) === undefined);
    const references = new Set(used.map(canonical));
    return new Set([...references].filter((reference) => !this.#deployed.has(reference) && !isInvented(reference)));
  }
}

/** An image that only a value made up for the gate names is none of the chart's. */
function isInvented(reference: string): boolean {
  return reference.includes(placeholderHost) || /\/placeholder(?:[/:@]|$)|:[^/]*placeholder/.test(reference);
}

/** The gate with what the message asks for, or with less made up; `undefined` when there is nothing more to try. */
function repaired(gate: Gate, message: string, values: Values): Gate | undefined {
  const { settings } = gate;
  const set = new Set(settings.map(({ path }) => formatPath(path)));
  const repairs = [...repairsFor(message, values), ...rivalsOff(message, settings, values)];
  const fresh = repairs.filter(({ path }) => !set.has(formatPath(path)));
  if (fresh.length > 0) return { ...gate, settings: [...settings, ...fresh] };
  const other = withField(message, settings) ?? leanerSettings(settings);
  return JSON.stringify(other) === JSON.stringify(settings) ? undefined : { ...gate, settings: other };
}

function gateFailed(gates: readonly Gate[], reason: string): Finding {
  const [smallest] = gates.toSorted((a, b) => formatGate(a).length - formatGate(b).length);
  const name = smallest === undefined ? '' : formatGate(smallest);
  const others = gates.length > 1 ? ` (and ${gates.length - 1} more like it)` : '';
  return {
    severity: 'info',
    code: 'GATE_FAILED',
    message: `what ${name.slice(0, longestName)}${others} brings is not known, since the chart does not render with it: ${reason}`,
    ...(smallest === undefined ? {} : { where: smallest.where }),
    fix: 'if you use it, give a scan profile the values that it needs',
  };
}
