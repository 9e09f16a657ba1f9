import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { Rewritable } from '../bundle-spec/found-image.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import type { StoredDigests } from '../images/plan/stored-digests.ts';
import { formatReference, type Target } from '../images/reference.ts';
import { isToMove, uniqueLeftovers } from './assemble-discovery.ts';
import { type BaseRender, readBase } from './base-render.ts';
import type { Discovery, Leftover } from './discovery.ts';
import type { Helm } from './helm.ts';
import { describeLeftover } from './leftovers.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { applyEdits, type Edit, rewriteEdits } from './overrides.ts';
import { choosePostRender, ownerOf } from './post-render/choose-post-render.ts';
import { isOutOfReach, postRender } from './post-render/post-render.ts';
import { isEmptyRule, type PodOwner, type PostRender } from './post-render/post-render-rule.ts';
import { compareProof, type Demand, type Unproven } from './proof.ts';
import { findPullSecretEdits, type PullSecretGap, podsWithout, pullSecretGaps } from './pull-secrets/pull-secrets.ts';
import { findForeign } from './references/find-foreign.ts';
import type { Reading } from './references/find-references.ts';
import { extraReferences, ignoredReferences } from './references/ignored-references.ts';
import { asReference } from './references/reference-text.ts';
import type { HelmRelease } from './render.ts';
import { openSession, type RenderSession } from './render-session.ts';
import { pairObjects } from './same-objects.ts';

/** What to prove beside the discovery, and for whom. */
export interface RewriteOptions {
  /** `images.ignore` of the spec, as given to `discoverRelease`. */
  readonly ignore: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly profile?: string;
  /** `images.extra` of the spec: references without a tag that one of them completes become local too. Default none. */
  readonly extra?: readonly string[];
  /** What the bundle stores for digests that values decide. Default none: every digest stays. */
  readonly digests?: StoredDigests;
  /** The Secret that every pod has to pull with. Default none is wanted. */
  readonly pullSecret?: string;
  /** The helm major that installs, where it is not the one that renders here: Helm 3 sends no hooks through a post-renderer. */
  readonly installedBy?: Helm['major'];
  readonly signal: AbortSignal;
}

/** What makes a release pull from a target, and what the second render shows to be still foreign. Proven when there is no leftover. */
export interface Rewrite {
  readonly overrides: Values;
  /** What has to be done in the rendered objects besides. */
  readonly postRender: PostRender;
  /** By canonical reference, for all that the discovery found. */
  readonly rewritable: ReadonlyMap<string, Rewritable>;
  readonly leftovers: readonly Leftover[];
  /** FOREIGN_TEXT and REGISTRY_IN_CONFIG: what a last look, line by line, finds in the rewritten renders besides. */
  readonly findings: readonly Finding[];
  /** Empty where no pull secret is wanted. */
  readonly pullSecretLeft: readonly PullSecretGap[];
  readonly renders: number;
  /** What helm would install, as one stream, after overrides and post-rendering; of the first Kubernetes minor, without `crds/`. */
  manifests(): string;
}

/**
 * Computes the overrides that bring the images of a discovered release from `target`, and renders once more with them for every
 * Kubernetes minor of the discovery: every place has to name exactly what `target` will serve for it, and no other foreign reference
 * may show. What values do not reach, but stands in the objects as it is pulled, the post-renderer replaces, which is proven the same way.
 * Throws RENDER_FAILED when the chart, or its schema, does not take the overrides.
 */
export async function rewriteRelease(
  helm: Helm,
  release: HelmRelease,
  discovery: Discovery,
  target: Target,
  options: RewriteOptions,
): Promise<Rewrite> {
  const session = openSession(helm, release, { ...options, documents: discovery.documents });
  const isExtra = extraReferences(options.extra ?? []);
  const demand: Demand = {
    target,
    ...(options.digests && { digests: options.digests }),
    isWanted: (place) => isToMove(place) || isExtra(place.text),
    isIgnored: ignoredReferences(options.ignore),
  };
  const hooks = (options.installedBy ?? helm.major) === 4;
  const { overrides, renders } = await renderRewritten(session, discovery, target, options);
  const proof = proveRenders(session, renders, { demand, hooks, discovery, pullSecret: options.pullSecret });
  const untagged = discovery.leftovers.filter(({ reason, reference }) => reason === 'untagged' && !isExtra(reference));
  const left = proof.left.map(({ base, unproven }) => describe(unproven, base, release.name, options.profile));
  const leftovers = uniqueLeftovers([...left, ...untagged]);
  return {
    overrides,
    postRender: proof.rule,
    rewritable: proof.rewritable,
    leftovers,
    findings: findForeign(proof.rendered, { ...demand, leftovers, held: discovery.registries, values: discovery.values }),
    pullSecretLeft: options.pullSecret === undefined ? [] : gapsOf(proof.rendered, release, options.pullSecret),
    renders: session.renders,
    manifests: () => proof.rendered[0]?.stream ?? '',
  };
}

/** The renders with the overrides, one for each minor. A chart that does not take values for pull secrets goes without them. */
async function renderRewritten(session: RenderSession, discovery: Discovery, target: Target, options: RewriteOptions) {
  const { pullSecret, digests } = options;
  const edits = rewriteEdits(discovery.values, discovery.rewrite, target, digests);
  const secrets = pullSecret === undefined ? [] : await findPullSecretEdits(session, discovery, edits, pullSecret);
  const render = async (all: readonly Edit[]) => {
    const overrides = applyEdits(discovery.values, all);
    const printed = discovery.bases.map(async (base) => {
      const stream = await session.print(base.kubernetes, { overrides, probe: false });
      return { base, stream, objects: session.read(stream) };
    });
    return { overrides, renders: await Promise.all(printed) };
  };
  return await render([...edits, ...secrets]).catch((error: unknown) => {
    if (secrets.length > 0 && error instanceof BundleError && error.code === 'RENDER_FAILED') return render(edits);
    throw error;
  });
}

interface RewrittenRender {
  readonly base: BaseRender;
  readonly stream: string;
  readonly objects: readonly RenderedObject[];
}

interface ProofOptions {
  readonly demand: Demand;
  readonly hooks: boolean;
  readonly discovery: Discovery;
  readonly pullSecret: string | undefined;
}

function proveRenders(session: RenderSession, renders: readonly RewrittenRender[], options: ProofOptions) {
  const compare = ({ base, objects }: RewrittenRender) =>
    compareProof(base, objects, options.demand).map((unproven) => ({ base, unproven }));
  const byValues = renders.flatMap(compare);
  const rule = ruleFor(
    renders,
    byValues.map(({ unproven }) => unproven),
    options,
  );
  if (isEmptyRule(rule))
    return { rule, rendered: renders, left: byValues, rewritable: rewritableOf(options.discovery, byValues, byValues) };
  const rendered = renders.map(({ base, stream }) => {
    const edited = postRender(stream, rule, session.documents);
    return { base, stream: edited, objects: session.read(edited) };
  });
  const left = rendered.flatMap(compare);
  return { rule, rendered, left, rewritable: rewritableOf(options.discovery, byValues, left) };
}

function ruleFor(
  renders: readonly RewrittenRender[],
  unproven: readonly Unproven[],
  { demand, hooks, discovery, pullSecret }: ProofOptions,
): PostRender {
  const carried = new Set(discovery.bases.flatMap(({ places }) => places.filter(demand.isWanted).map(canonical)));
  const images = choosePostRender(unproven, { hooks }, (place) => carried.has(canonical(place)));
  const pods = pullSecret === undefined ? [] : renders.flatMap((render) => podsToServe(render, pullSecret, hooks));
  const distinct = new Map(pods.map((pod) => [JSON.stringify(pod), pod]));
  const secret =
    pullSecret === undefined || pods.length === 0 ? {} : { pullSecret: { name: pullSecret, pods: [...distinct.values()] } };
  return { images, ...secret, hooks };
}

function podsToServe({ base, objects }: RewrittenRender, name: string, hooks: boolean): PodOwner[] {
  const pairs = pairObjects(base.objects, objects);
  return podsWithout(objects, name)
    .filter((object) => !isOutOfReach(object, { hooks }))
    .map((object) => ownerOf(object, base, pairs));
}

type Left = readonly { readonly unproven: Unproven }[];

function rewritableOf({ bases }: Discovery, byValues: Left, left: Left): ReadonlyMap<string, Rewritable> {
  const keysOf = (list: Left): ReadonlySet<string> => new Set(list.map(({ unproven }) => canonical(unproven.place)));
  const [unreached, unproven] = [keysOf(byValues), keysOf(left)];
  const rewritable = new Map<string, Rewritable>();
  for (const place of bases.flatMap(({ places }) => places).filter(({ complete }) => complete)) {
    const key = canonical(place);
    rewritable.set(key, unproven.has(key) ? 'no' : unreached.has(key) ? 'post-render' : 'values');
  }
  return rewritable;
}

function canonical({ text }: Pick<Reading, 'text'>): string {
  const reference = asReference(text);
  return reference === undefined ? text : formatReference(reference);
}

function describe({ place, found, reason }: Unproven, base: BaseRender, release: string, profile: string | undefined): Leftover {
  const context = { release, ...(profile === undefined ? {} : { profile }), newNames: base.newNames };
  return describeLeftover(place, found, reason, context);
}

function gapsOf(rendered: readonly RewrittenRender[], release: HelmRelease, pullSecret: string): PullSecretGap[] {
  const gaps = rendered.flatMap(({ base, objects }) => {
    const { places } = readBase(objects, base.kubernetes);
    return pullSecretGaps({ objects, places }, pullSecret, release);
  });
  return [...new Map(gaps.map((gap) => [JSON.stringify(gap), gap])).values()];
}
