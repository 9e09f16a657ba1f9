import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { type BaseRender, placeKey } from './base-render.ts';
import type { Candidate } from './image-shapes.ts';
import { type Control, type Judgement, judgeProbe, sentinelText } from './judge-probe.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { applyEdits, type Edit, editsOf, type FixedRewrite } from './overrides.ts';
import { readAgain } from './references/find-references.ts';
import type { RenderSession } from './render-session.ts';
import { pairObjects } from './same-objects.ts';
import { placeIn } from './same-place.ts';
import { sentinelsIn } from './sentinel.ts';
import { getAt, isMap, type Path } from './values-path.ts';

/** Renders spent on finding which candidate breaks a chart before the rest is left unproven. */
const patience = 48;

/** Set at the top, it reaches the subcharts that have it too. */
const permitPath = ['global', 'security', 'allowInsecureImages'];

function hasFalseAt(values: unknown, path: Path): boolean {
  if (!isMap(values)) return false;
  return getAt(values, path) === false || Object.values(values).some((inner) => hasFalseAt(inner, path));
}

/** Probes one release in renders of one Kubernetes minor. */
export class Prober {
  /** What had to be set for the chart to accept other registries. */
  readonly permits: FixedRewrite[] = [];
  /** Names that a probe showed to be new in each render. */
  readonly newNames = new Map<RenderedObject, string>();
  /** Empty slots that reached a reference and took its tag away: what they are filled with is the whole reference. */
  readonly wholeSlots: Candidate[] = [];
  readonly #session: RenderSession;
  readonly #values: Values;
  readonly #base: BaseRender;
  readonly #indexes = new Map<Candidate, number>();
  /** Places whose text is new in each render; nothing can be said about them. */
  #unstable: ReadonlySet<string> | undefined;
  #left = patience;

  constructor(session: RenderSession, values: Values, base: BaseRender) {
    this.#session = session;
    this.#values = values;
    this.#base = base;
  }

  /**
   * Puts a sentinel in place of every candidate, all in one render, and returns what they control. Where that breaks the chart, the
   * candidates that do it are told from the message or the place, else by halving, and left out.
   */
  async probe(candidates: readonly Candidate[]): Promise<readonly Control[]> {
    if (candidates.length === 0 || this.#left <= 0) return [];
    this.#left -= 1;
    const rendered = await this.#render(candidates);
    if (!Array.isArray(rendered)) return this.#afterFailure(candidates, rendered as BundleError);
    const judgement = judgeProbe(this.#base, rendered, this.#numbered(candidates));
    for (const [object, name] of judgement.newNames) this.newNames.set(object, name);
    if (judgement.culprits.size > 0) return this.#without(candidates, judgement.culprits);
    return (await this.#isExplained(judgement)) ? judgement.controls : this.#halve(candidates);
  }

  #without(candidates: readonly Candidate[], culprits: ReadonlySet<Candidate>): Promise<readonly Control[]> {
    for (const culprit of culprits) if (culprit.rank === 'name slot') this.wholeSlots.push({ ...culprit, rank: 'whole slot' });
    return this.probe(candidates.filter((candidate) => !culprits.has(candidate)));
  }

  async #render(candidates: readonly Candidate[]): Promise<readonly RenderedObject[] | BundleError> {
    const parts = candidates.map((candidate) => ({ ...candidate, text: sentinelText(this.#indexOf(candidate), candidate) }));
    const edits: Edit[] = [...this.permits, ...editsOf(this.#values, parts)];
    try {
      const overrides = applyEdits(this.#values, edits);
      return this.#session.read(await this.#session.print(this.#base.kubernetes, { overrides, probe: true }));
    } catch (error) {
      if (error instanceof BundleError && (error.code === 'RENDER_FAILED' || error.code === 'RENDER_UNREADABLE')) return error;
      throw error;
    }
  }

  async #afterFailure(candidates: readonly Candidate[], failure: BundleError): Promise<readonly Control[]> {
    const permit = this.#permitFor(failure.message);
    if (permit !== undefined) {
      this.permits.push(permit);
      return this.probe(candidates);
    }
    const named = new Set(sentinelsIn(failure.message));
    const [culprit] = named.size === 1 ? candidates.filter((candidate) => named.has(this.#indexOf(candidate))) : [];
    return culprit === undefined ? this.#halve(candidates) : this.probe(candidates.filter((candidate) => candidate !== culprit));
  }

  /** Bitnami's charts refuse images from elsewhere until they are told that it is meant. */
  #permitFor(message: string): FixedRewrite | undefined {
    if (!message.includes('allowInsecureImages') || this.permits.length > 0 || !hasFalseAt(this.#values, permitPath))
      return undefined;
    return { path: permitPath, value: true, why: 'the chart refuses images from another registry without it' };
  }

  async #halve(candidates: readonly Candidate[]): Promise<readonly Control[]> {
    if (candidates.length <= 1) return [];
    const middle = Math.ceil(candidates.length / 2);
    const halves = await Promise.all([this.probe(candidates.slice(0, middle)), this.probe(candidates.slice(middle))]);
    return halves.flat();
  }

  async #isExplained(judgement: Judgement): Promise<boolean> {
    if (judgement.unexplained.length === 0) return true;
    this.#unstable ??= await this.#findUnstable();
    const unstable = this.#unstable;
    return judgement.unexplained.every((place) => unstable.has(placeKey(place)));
  }

  async #findUnstable(): Promise<ReadonlySet<string>> {
    const again = this.#session.read(await this.#session.print(this.#base.kubernetes));
    const pairs = pairObjects(this.#base.objects, again);
    const changed = this.#base.places.filter((place) => {
      const object = pairs.get(place.object);
      return object === undefined || readAgain(object, placeIn(object, place)) !== place.text;
    });
    return new Set(changed.map(placeKey));
  }

  #numbered(candidates: readonly Candidate[]): ReadonlyMap<number, Candidate> {
    return new Map(candidates.map((candidate) => [this.#indexOf(candidate), candidate]));
  }

  #indexOf(candidate: Candidate): number {
    const index = this.#indexes.get(candidate) ?? this.#indexes.size;
    this.#indexes.set(candidate, index);
    return index;
  }
}
