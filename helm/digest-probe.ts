import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { digestOf } from '../images/digest.ts';
import type { StoredDigests } from '../images/plan/stored-digests.ts';
import type { BaseRender } from './base-render.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { applyEdits, type DigestRewrite, hexOf, type RewritePath, repinEdits } from './overrides.ts';
import { type Reading, readAgain } from './references/find-references.ts';
import { asReference } from './references/reference-text.ts';
import type { RenderSession } from './render-session.ts';
import { pairObjects } from './same-objects.ts';
import { placeIn } from './same-place.ts';
import { formatPath, isMap, type Path } from './values-path.ts';

/** What one render shows of the digests that its references are pinned by. */
export interface ProbedDigests {
  /** Strings of the values that decide a digest at every place it has. */
  readonly rewrites: readonly DigestRewrite[];
  /** Digests of which a place is decided by the chart: who pulls there has to find exactly them. */
  readonly fixed: ReadonlySet<Digest>;
}

export interface DigestProbe {
  readonly session: RenderSession;
  readonly values: Values;
  readonly base: BaseRender;
  /** Images that do not travel keep their digest. */
  readonly isIgnored: (text: string) => boolean;
}

/** A string of the values, and the digest that stands for its own in the probe. */
interface Probed extends DigestRewrite {
  readonly probe: Digest;
}

/**
 * Puts another digest into every string of the values that holds one of those pinned, all in one render, and looks where exactly that comes
 * out. Renders nothing for a release that pins none by values.
 */
export async function probeDigests({ session, values, base, isIgnored }: DigestProbe): Promise<ProbedDigests> {
  const pinned = new Set(base.places.flatMap((place) => pinnedDigest(place) ?? []));
  const probed = findDigests(values, pinned).map((found, index) => ({
    ...found,
    probe: digestOf(Buffer.from(`probe ${index}`)),
  }));
  const stream = probed.length === 0 ? undefined : await renderProbe(session, { values, base, probed });
  if (stream === undefined) return { rewrites: [], fixed: pinned };
  const shown = new Set(probed.filter(({ probe }) => stream.includes(hexOf(probe))));
  const after = textsAfter(base, session.read(stream));
  const fixed = new Set([...pinned].filter((digest) => stream.includes(hexOf(digest))));
  for (const [place, text] of after) {
    const came = probed.filter(({ probe }) => text?.includes(hexOf(probe)));
    for (const one of came) shown.add(one);
    const digest = pinnedDigest(place);
    // What else changes was decided by a look at the digests, and so may anything be.
    if (restored(text, came) !== place.text) return { rewrites: [], fixed: pinned };
    if (digest !== undefined && (came.length !== 1 || isIgnored(place.text))) fixed.add(digest);
  }
  const moving = probed.filter((one) => shown.has(one) && !fixed.has(one.digest));
  return { rewrites: moving.map(({ path, digest }) => ({ path, digest })), fixed };
}

/** What decides a digest in all renders; what one of them shows as fixed is left out. */
export function uniteDigests(probes: readonly ProbedDigests[]): DigestRewrite[] {
  const moving = probes
    .flatMap(({ rewrites }) => rewrites)
    .filter(({ digest }) => !probes.some(({ fixed }) => fixed.has(digest)));
  return [...new Map(moving.map((rewrite) => [`${formatPath(rewrite.path)} ${rewrite.digest}`, rewrite])).values()];
}

/** Digests that stand for those of the bundle, while a rewrite is proven before there is one. */
export function standInDigests(rewrites: readonly RewritePath[]): StoredDigests {
  const digests = rewrites.flatMap((rewrite) => ('digest' in rewrite ? [rewrite.digest] : []));
  return new Map(digests.map((digest) => [digest, digestOf(Buffer.from(`stands in for ${digest}`))]));
}

function pinnedDigest({ text }: Pick<Reading, 'text'>): Digest | undefined {
  return text.includes('@') ? asReference(text)?.digest : undefined;
}

/** Bare, behind `sha256:`, or in a whole reference. */
function findDigests(value: unknown, wanted: ReadonlySet<Digest>, path: Path = []): DigestRewrite[] {
  if (wanted.size === 0) return [];
  if (typeof value === 'string') {
    const digests = [...value.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g)].map(([hex]): Digest => `sha256:${hex}`);
    return [...new Set(digests)].filter((digest) => wanted.has(digest)).map((digest) => ({ path, digest }));
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => findDigests(item, wanted, [...path, index]));
  return isMap(value) ? Object.entries(value).flatMap(([key, item]) => findDigests(item, wanted, [...path, key])) : [];
}

/** `undefined` for a chart that takes no other digest. */
async function renderProbe(
  session: RenderSession,
  { values, base, probed }: { readonly values: Values; readonly base: BaseRender; readonly probed: readonly Probed[] },
): Promise<string | undefined> {
  const edits = probed.reduce<ReturnType<typeof repinEdits>>(
    (done, { path, digest, probe }) => repinEdits(values, done, [{ path, digest }], new Map([[digest, probe]])),
    [],
  );
  try {
    return await session.print(base.kubernetes, { overrides: applyEdits(values, edits), probe: true });
  } catch (error) {
    if (error instanceof BundleError && error.code === 'RENDER_FAILED') return undefined;
    throw error;
  }
}

/** What stands in the probe at each place of the unprobed render; the objects of `crds/` folders, which only that has, are left as they are. */
function textsAfter(base: BaseRender, objects: readonly RenderedObject[]): [Reading, string | undefined][] {
  const pairs = pairObjects(base.objects, objects);
  return base.places.map((place) => {
    const object = pairs.get(place.object);
    if (object === undefined) return [place, place.object.kind === 'CustomResourceDefinition' ? place.text : undefined];
    return [place, readAgain(object, placeIn(object, place))];
  });
}

function restored(text: string | undefined, came: readonly Probed[]): string | undefined {
  return came.reduce((done, { digest, probe }) => done?.replaceAll(hexOf(probe), hexOf(digest)), text);
}
