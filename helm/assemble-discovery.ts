import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { formatReference } from '../images/reference.ts';
import { type BaseRender, placeKey } from './base-render.ts';
import { type Choice, chooseRewrites } from './choose-rewrites.ts';
import type { Discovery, FoundReference, Leftover } from './discovery.ts';
import type { Control } from './judge-probe.ts';
import { describeLeftover, placeOf } from './leftovers.ts';
import type { ParsedDocuments } from './manifest-stream.ts';
import type { DigestRewrite, FixedRewrite } from './overrides.ts';
import type { Reading } from './references/find-references.ts';
import type { HeldRegistries } from './references/foreign-registries.ts';
import { asReference, pinOf } from './references/reference-text.ts';
import { isAccount, isHostAlone, isRegistryHost } from './references/registry-hosts.ts';
import { dumpedPath, isNamed } from './references/values-dump.ts';
import { formatPath } from './values-path.ts';

/** What the renders of a release showed. */
export interface Findings {
  readonly release: string;
  readonly profile?: string;
  readonly renders: number;
  readonly documents: ParsedDocuments;
  readonly values: Values;
  readonly bases: readonly BaseRender[];
  readonly controls: readonly Control[];
  readonly permits: readonly FixedRewrite[];
  readonly digests: readonly DigestRewrite[];
  readonly isIgnored: (text: string) => boolean;
  /** Whether `images.extra` brings the image that a text without tag means. */
  readonly isExtra: (text: string) => boolean;
}

/** Draws the conclusions: which images there are, what to rewrite, and what nothing controls. */
export function assembleDiscovery(findings: Findings): Discovery {
  const { isIgnored, isExtra, values, controls, renders } = findings;
  const isWanted = ({ place }: Control): boolean => !isIgnored(place.text) && (isToMove(place) || isExtra(place.text));
  const choice = chooseRewrites(controls, isWanted, values);
  // An ignored reference whose path is rewritten for the sake of another becomes local as well, so it has to travel.
  const stays = (place: Reading): boolean => isIgnored(place.text) && !choice.pathsOf.has(placeKey(place));
  const bases = findings.bases.map((base) => ({
    ...base,
    places: base.places.filter((place) => !stays(place)).map((place) => withoutInventedTag(place, base, values)),
  }));
  const references = collectReferences(bases, choice, findings);
  return {
    references: references.filter((found) => found.class !== 'declared'),
    dumped: references.filter((found) => found.class === 'declared'),
    rewrite: [...findings.permits, ...choice.rewrite, ...findings.digests],
    leftovers: uniqueLeftovers(bases.flatMap((base) => findLeftovers(base, choice, findings))),
    registries: registriesHeld(controls),
    kinds: collectKinds(bases),
    renders,
    values,
    bases,
    documents: findings.documents,
  };
}

function registriesHeld(controls: readonly Control[]): HeldRegistries {
  const alone = controls.filter(({ place }) => !place.complete && (isHostAlone(place.text) || isAccount(place.text)));
  const groups = Map.groupBy(alone, ({ place }) => place.text);
  return new Map(
    [...groups].map(([text, group]) => [text, [...new Set(group.map(({ candidate }) => formatPath(candidate.path)))]]),
  );
}

/** Whether it has to become local whatever `images.extra` says. */
export function isToMove({ complete, alsoLocal }: Reading): boolean {
  return complete || alsoLocal === true;
}

/** In a dump of values that no program is known to read, a repository alone does not mean `latest`: its tag may be another value. */
function withoutInventedTag(place: Reading, { objects }: BaseRender, values: Values): Reading {
  if (!place.complete || place.as === 'pod' || pinOf(place.text) !== '') return place;
  const dumped = dumpedPath(place, values);
  return dumped === undefined || isNamed(dumped, objects, values) ? place : { ...place, complete: false, alsoLocal: true };
}

/** One of each, for places that several renders show. */
export function uniqueLeftovers(leftovers: readonly Leftover[]): Leftover[] {
  return [...new Map(leftovers.map((leftover) => [JSON.stringify([leftover.place, leftover.reference]), leftover])).values()];
}

function findLeftovers(base: BaseRender, choice: Choice, findings: Findings): Leftover[] {
  const context = contextOf(base, findings);
  return base.places.flatMap((place) => {
    if (choice.pathsOf.has(placeKey(place))) return [];
    if (place.alsoLocal) return [];
    if (place.complete) return [describeLeftover(place, place.text, 'hard-coded', context)];
    return isPulledByTagOfItsOwn(place) && !findings.isExtra(place.text)
      ? [describeLeftover(place, place.text, 'untagged', context)]
      : [];
  });
}

/**
 * A repository with host and path in an argument or variable. In a document it is as likely a default that nothing reads, unless it stands
 * alone under a key that says repository and names a registry.
 */
function isPulledByTagOfItsOwn({ as, text, object, path }: Reading): boolean {
  if (isAccount(text)) return false;
  if (as === 'pod' || !/^[^/]*[.:][^/]*\/./.test(text)) return false;
  if (object.kind !== 'ConfigMap' && object.kind !== 'Secret') return true;
  return isRegistryHost(text.slice(0, text.indexOf('/'))) && /(?:repo|repository|image)$/i.test(String(path.at(-1)));
}

interface FoundPlace {
  readonly base: BaseRender;
  readonly place: Reading;
}

function collectReferences(bases: readonly BaseRender[], choice: Choice, findings: Findings): FoundReference[] {
  const found = bases.flatMap((base) => base.places.filter(({ complete }) => complete).map((place) => ({ base, place })));
  const groups = [...Map.groupBy(found, ({ place }) => canonical(place))].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([reference, group]) => {
    const valuesPaths = [...new Set(group.flatMap(({ place }) => choice.pathsOf.get(placeKey(place)) ?? []))].sort();
    const places = group.map(({ base, place }) => placeOf(place, contextOf(base, findings)));
    return {
      reference,
      class: !isUsed(group, findings) ? 'declared' : valuesPaths.length > 0 ? 'used' : 'hard-coded',
      gates: [],
      valuesPaths,
      places: [...new Map(places.map((place) => [JSON.stringify(place), place])).values()],
    };
  });
}

/** A dump of all values proves no use, unless something else that renders names the value. */
function isUsed(group: readonly FoundPlace[], { values }: Findings): boolean {
  return group.some(({ base, place }) => {
    const dumped = dumpedPath(place, values);
    return dumped === undefined || isNamed(dumped, base.objects, values);
  });
}

function contextOf({ newNames }: BaseRender, { release, profile }: Findings): Parameters<typeof placeOf>[1] {
  return { release, ...(profile === undefined ? {} : { profile }), newNames };
}

/** The canonical form of the reference at a place; as written where it is none. */
export function canonical(place: Reading): string {
  const reference = asReference(place.text);
  return reference === undefined ? place.text : formatReference(reference);
}

/** Tests are rendered for their images, but an install does not create them. */
function collectKinds(bases: readonly BaseRender[]): RenderedKind[] {
  const kinds = new Map<string, RenderedKind>();
  for (const { apiVersion, kind, namespace, hook } of bases.flatMap(({ objects }) => objects)) {
    if (hook?.split(',').every((event) => /^\s*test/.test(event))) continue;
    const entry = { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }) };
    kinds.set(JSON.stringify(entry), entry);
  }
  return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}
