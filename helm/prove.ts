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
import type { PodOwner, PostRender } from './post-render-rule.ts';
import { asReference, atTarget, localPath } from './reference-text.ts';
import type { HelmRelease } from './render.ts';
import { openSession } from './render-session.ts';
import { pairObjects } from './same-objects.ts';

export interface RewriteOptions {
  /** `images.ignore` of the spec, as given to `discoverRelease`. */
  readonly ignore: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly profile?: string;
  /** `images.extra` of the spec: references without a tag that one of them completes become local too. Default none. */
  readonly extra?: readonly string[];
  /** The Secret that every pod has to pull with. Default none is wanted. */
  readonly pullSecret?: string;
  /** The helm major that installs, where it is not the one that renders here: Helm 3 sends no hooks through a post-renderer. */
  readonly installedBy?: Helm['major'];
  readonly signal: AbortSignal;
}

/** Who has to do it. `values`: the overrides do all places. `post-render`: one place at least needs the post-renderer. `no`: one is left. */
export type Rewritable = 'values' | 'post-render' | 'no';

/** A pod that neither values nor the post-renderer give the pull secret. */
export interface PullSecretGap {
  readonly pod: PodOwner;
  /** The namespace it runs in, and the account whose `imagePullSecrets` it would take. */
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Values overrides for a target, and what the second render shows to be still foreign. Proven when there is no leftover. */
export interface Rewrite {
  readonly overrides: Values;
  /** What has to be done in the rendered objects besides. */
  readonly postRender: PostRender;
  /** By canonical reference, for all that the discovery found. */
  readonly rewritable: ReadonlyMap<string, Rewritable>;
  readonly leftovers: readonly Leftover[];
  readonly pullSecretLeft: readonly PullSecretGap[];
  readonly renders: number;
  /** What helm would install, as one stream, after overrides and post-rendering; of the first Kubernetes minor. */
  manifests(): string;
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
  const streams: string[] = [];
  const found = await Promise.all(
    discovery.bases.map(async (base, index) => {
      const stream = await session.print(base.kubernetes, { overrides, probe: false });
      streams[index] = stream;
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
  const leftovers = uniqueLeftovers([...found.flat(), ...untagged]);
  const left = new Set(leftovers.map(({ place }) => JSON.stringify(place)));
  const rewritable = new Map<string, Rewritable>();
  for (const { reference, places } of discovery.references) {
    rewritable.set(reference, places.some((place) => left.has(JSON.stringify(place))) ? 'no' : 'values');
  }
  return {
    overrides,
    postRender: { images: {}, hooks: (options.installedBy ?? helm.major) === 4 },
    rewritable,
    leftovers,
    pullSecretLeft: [],
    renders: session.renders,
    manifests: () => streams[0] ?? '',
  };
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
