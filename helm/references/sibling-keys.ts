import { withoutSentinels } from '../sentinel.ts';
import { isAccount } from './registry-hosts.ts';

/** One reference that a map spreads over its keys: `{registry, repository, tag}` and the like. */
export interface ComposedReference {
  readonly text: string;
  /** A tag or digest is among the keys and not empty. */
  readonly pinned: boolean;
  /** The keys that went into it. */
  readonly keys: readonly string[];
}

const registryKeys = ['registry', 'imageRegistry', 'hub'];
const repositoryKeys = ['repository', 'imageRepository', 'repo'];
const nameKeys = ['image', 'imageName', 'name'];
const tagKeys = ['tag', 'imageTag', 'version'];
const digestKeys = ['digest', 'imageDigest', 'sha', 'sha256'];

/** Keys that hold a tag or a digest. */
export const pinKeys: readonly string[] = [...tagKeys, ...digestKeys];

/**
 * Reads the keys of `map` as one reference. `undefined` when they are none: no name, a name that is a whole reference already, nothing beside
 * the name. `name` counts only where `trustName` says that the map is an image, since nearly every map has one.
 */
export function composeReference(map: Readonly<Record<string, unknown>>, trustName: boolean): ComposedReference | undefined {
  const registry = part(map, registryKeys);
  const repository = part(map, repositoryKeys);
  const name = part(map, trustName || repository !== undefined ? nameKeys : nameKeys.slice(0, 2));
  const isOther = repository !== undefined && name?.key === 'name' && !isPrefix(repository);
  const parts = joinParts(registry, repository, isOther ? undefined : name);
  if (parts === undefined || /[:@]/.test(withoutSentinels(parts.at(-1)?.text ?? '').replace(/^[^/]*\//, ''))) return undefined;
  const tag = part(map, tagKeys);
  const digest = part(map, digestKeys);
  const hasPinKeys = pinKeys.some((key) => Object.hasOwn(map, key));
  if (!hasPinKeys && parts.length < 2) return undefined;
  const pin = pinText(tag?.text, digest?.text);
  const keys = [...parts, tag, digest].flatMap((used) => (used === undefined ? [] : [used.key]));
  return { text: `${parts.map(({ text }) => text.replace(/\/+$/, '')).join('/')}${pin}`, pinned: pin !== '', keys };
}

interface Part {
  readonly key: string;
  readonly text: string;
}

function part(map: Readonly<Record<string, unknown>>, keys: readonly string[]): Part | undefined {
  for (const key of keys) {
    const value = Object.hasOwn(map, key) ? map[key] : undefined;
    if (typeof value === 'number' && tagKeys.includes(key)) return { key, text: String(value) };
    if (typeof value === 'string' && /^[\w./:@+-]+$/.test(value) && !value.includes('://')) return { key, text: value };
  }
  return undefined;
}

/** `{repo: quay.io/mongodb, name: search}`; beside a whole repository, a name is that of something else. */
function isPrefix({ key, text }: Part): boolean {
  const plain = withoutSentinels(text);
  return isAccount(plain) || (key === 'repo' && /(?:^|\/)[^/]+\.[^/]+\/[^/]+\/?$/.test(plain));
}

function joinParts(registry: Part | undefined, repository: Part | undefined, name: Part | undefined): Part[] | undefined {
  if (repository === undefined && name === undefined) return undefined;
  // {repository: nvcr.io/nvidia, image: driver}: a path and a bare name; a name with a path of its own stands alone.
  const named =
    repository !== undefined && name !== undefined && !name.text.includes('/') ? [repository, name] : [repository ?? name];
  return [registry, ...named].filter((entry) => entry !== undefined);
}

/** `:tag@sha256:…` of what stands under a key for a tag and one for a digest, with or without `sha256:`; empty for neither. */
export function pinText(tag: string | undefined, digest: string | undefined): string {
  const hex = digest?.replace(/^sha256:/, '');
  const digestText = hex !== undefined && /^[0-9a-f]{64}$/.test(hex) ? `@sha256:${hex}` : '';
  if (tag === undefined) return digestText;
  return tag.startsWith('sha256:') ? `@${tag}` : `:${tag}${digestText}`;
}
