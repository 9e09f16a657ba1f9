import type { Values } from '../bundle-spec/values-layer.ts';
import { isLocal, type Target } from '../images/reference.ts';
import { uniqueLeftovers } from './assemble-discovery.ts';
import { type BaseRender, placeKey, readBase } from './base-render.ts';
import type { Discovery, Leftover } from './discovery.ts';
import { type Reading, readAgain } from './find-references.ts';
import type { Helm } from './helm.ts';
import { ignoredReferences } from './ignored-references.ts';
import { describeLeftover, type PlaceContext } from './leftovers.ts';
import { overridesFor } from './overrides.ts';
import { asReference, atTarget, localPath } from './reference-text.ts';
import type { HelmRelease } from './render.ts';
import { openSession } from './render-session.ts';
import { pairObjects } from './same-objects.ts';

export interface RewriteOptions {
  /** `images.ignore` of the spec, as given to `discoverRelease`. */
  readonly ignore: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly profile?: string;
  readonly signal: AbortSignal;
}

/** Values overrides for a target, and what the second render shows to be still foreign. Proven when there is no leftover. */
export interface Rewrite {
  readonly overrides: Values;
  readonly leftovers: readonly Leftover[];
  readonly renders: number;
}

/**
 * Computes the overrides that bring the images of a discovered release from `target`, and renders once more with them for every
 * Kubernetes minor of the discovery: every place has to name exactly what `target` will serve for it, and no other foreign reference
 * may show. Throws RENDER_FAILED when the chart, or its schema, does not take the overrides.
 */
export async function rewriteRelease(
  helm: Helm,
  release: HelmRelease,
  discovery: Discovery,
  target: Target,
  options: RewriteOptions,
): Promise<Rewrite> {
  const session = openSession(helm, release, { ...options, documents: discovery.documents });
  const overrides = overridesFor(discovery.values, discovery.rewrite, target);
  const profile = options.profile === undefined ? {} : { profile: options.profile };
  const isIgnored = ignoredReferences(options.ignore);
  const found = await Promise.all(
    discovery.bases.map(async (base) => {
      const stream = await session.print(base.kubernetes, { overrides, probe: false });
      const proof = readBase(session.read(stream), base.kubernetes);
      return compareProof({
        base,
        proof,
        target,
        context: { release: release.name, ...profile, newNames: base.newNames },
        isIgnored,
      });
    }),
  );
  const untagged = discovery.leftovers.filter(({ reason }) => reason === 'untagged');
  return { overrides, leftovers: uniqueLeftovers([...found.flat(), ...untagged]), renders: session.renders };
}

interface Proof {
  readonly base: BaseRender;
  readonly proof: BaseRender;
  readonly target: Target;
  readonly context: PlaceContext;
  readonly isIgnored: (text: string) => boolean;
}

function compareProof({ base, proof, target, context, isIgnored }: Proof): Leftover[] {
  const leftovers: Leftover[] = [];
  const seen = new Set<string>();
  const pairs = pairObjects(base.objects, proof.objects);
  for (const place of base.places) {
    const object = pairs.get(place.object);
    const text = object === undefined ? undefined : readAgain(object, place);
    if (object !== undefined) seen.add(placeKey({ ...place, object }));
    const reason = reasonFor(place, text, target);
    if (reason !== undefined) leftovers.push(describeLeftover(place, text ?? '', reason, context));
  }
  for (const place of proof.places) {
    const foreign = !isTextLocal(place.text, target) && !isIgnored(place.text) && place.complete;
    if (foreign && !seen.has(placeKey(place))) leftovers.push(describeLeftover(place, place.text, 'not-local', context));
  }
  return leftovers;
}

/** Why a place is not proven; `undefined` when it is. Places that cannot be pulled from only have to be carried along. */
function reasonFor(place: Reading, text: string | undefined, target: Target): Leftover['reason'] | undefined {
  const local = localPath(place.text);
  if (!place.complete || (local !== undefined && text === atTarget(local, target))) return undefined;
  if (text === undefined) return 'missing';
  if (text === place.text) return 'hard-coded';
  return isTextLocal(text, target) ? 'unexpected' : 'not-local';
}

function isTextLocal(text: string, target: Target): boolean {
  const reference = asReference(text);
  return reference !== undefined && isLocal(reference, target);
}
