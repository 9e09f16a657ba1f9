import { BundleError } from '../bundle-spec/bundle-error.ts';
import { Digest } from '../bundle-spec/names.ts';

/**
 * An image reference in canonical form, by the rules of distribution/reference (what docker, containerd and Kubernetes use):
 * `redis` is `docker.io/library/redis:latest`. Tag and digest may both be present; at least one is.
 */
export interface Reference {
  /** `host[:port]`, as written; never `index.docker.io`. */
  readonly host: string;
  /** Path below the host; on docker.io it has at least two parts. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** Where references point behind the gap: a registry and the path put in front of every repository (may be empty). */
export interface Target {
  readonly host: string;
  readonly prefix: string;
}

const hostName =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;
const pathPart = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagText = /^\w[\w.-]{0,127}$/;

/** The limit of distribution for the repository's path, in characters. */
const longestRepository = 255;

/** Canonical form of `text`. Throws REFERENCE_INVALID, which says what is wrong with which part. */
export function parseReference(text: string): Reference {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined)
    throw invalid(text, `it begins with "${scheme}"`, `write it without the scheme: "${text.slice(scheme.length)}"`);
  const [named = '', ...digests] = text.split('@');
  if (digests.length > 1) throw invalid(text, 'it has more than one "@"');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const name = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : parseTag(text, named.slice(colon + 1));
  const digest = digests[0] === undefined ? undefined : parseDigest(text, digests[0]);
  return {
    ...parseName(text, name),
    ...(tag === undefined ? (digest === undefined ? { tag: 'latest' } : {}) : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The canonical text: `host/repository[:tag][@digest]`. `parseReference` of it gives the same reference again. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.host}/${reference.repository}${tag}${digest}`;
}

/**
 * The reference behind the gap: `<host>/<prefix>/<source host>/<repository>`, tag and digest kept. The source's host becomes a
 * path part (`registry:5000` -> `registry_5000`), so two sources never meet. Throws REFERENCE_INVALID when the path gets too long.
 */
export function localReference(reference: Reference, target: Target): Reference {
  const prefix = target.prefix === '' ? '' : `${target.prefix}/`;
  const repository = `${prefix}${hostAsPath(reference.host)}/${reference.repository}`;
  if (repository.length > longestRepository) {
    throw invalid(
      `${target.host}/${repository}`,
      `its path has ${repository.length} characters, and ${longestRepository} are allowed`,
      'shorten registry.prefix of the site',
    );
  }
  return { ...reference, host: target.host, repository };
}

/** The reference of what is stored for it: a digest becomes that of the stored form. */
export function storedReference(reference: Reference, digest: Digest): Reference {
  return reference.digest === undefined ? reference : { ...reference, digest };
}

/** True when the reference lies below the target's host and prefix. */
export function isLocal(reference: Reference, target: Target): boolean {
  const prefix = target.prefix === '' ? '' : `${target.prefix}/`;
  return reference.host === target.host && reference.repository.startsWith(prefix);
}

// A host has no "_", hence the port's "_" cannot be mistaken. An IPv6 address has an empty group at most once: "0" stands for it.
function hostAsPath(host: string): string {
  const [, address, name = host, port = ''] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(host) ?? [];
  const path =
    address === undefined
      ? name
      : address
          .split(':')
          .map((group) => group || '0')
          .join('_');
  return `${path.toLowerCase()}${port && `_${port}`}`;
}

function parseName(text: string, name: string): { host: string; repository: string } {
  if (name === '') throw invalid(text, 'it has no repository');
  if (/^[0-9a-f]{64}$/.test(name))
    throw invalid(text, '64 hex digits are an image id, not a name', 'use the name the image is published under');
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const host = hasHost && first !== 'index.docker.io' ? first : 'docker.io';
  if (!hostName.test(host)) throw invalid(text, `"${host}" is no host name`);
  const path = hasHost ? name.slice(slash + 1) : name;
  for (const part of path.split('/')) checkPathPart(text, part);
  const repository = host === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (repository.length > longestRepository)
    throw invalid(text, `its path has ${repository.length} characters, and ${longestRepository} are allowed`);
  return { host, repository };
}

function checkPathPart(text: string, part: string): void {
  if (pathPart.test(part)) return;
  if (part === '') throw invalid(text, 'a part between two "/" is empty');
  const strange = /[^a-z0-9._-]/i.exec(part)?.[0];
  if (strange !== undefined) throw invalid(text, `"${part}" contains ${JSON.stringify(strange)}`);
  if (part !== part.toLowerCase())
    throw invalid(text, `"${part}" has upper-case letters`, `repositories are lower-case: "${part.toLowerCase()}"`);
  throw invalid(text, `"${part}" is no path part`, 'letters and digits, with ".", "_", "__" or dashes only between them');
}

function parseTag(text: string, tag: string): string {
  if (tagText.test(tag)) return tag;
  const advice = 'a tag has at most 128 letters, digits, "_", "." and "-", and does not begin with "." or "-"';
  throw invalid(text, tag === '' ? 'there is nothing after the ":"' : `"${tag}" is no tag`, advice);
}

function parseDigest(text: string, digest: string): Digest {
  const parsed = Digest.safeParse(digest);
  if (parsed.success) return parsed.data;
  const algorithm = /^([a-z0-9+._-]+):/i.exec(digest)?.[1];
  const other = algorithm !== undefined && algorithm !== 'sha256';
  throw invalid(
    text,
    other ? `the digest algorithm "${algorithm}" is not supported` : `"${digest}" is no digest`,
    'a digest is "sha256:" and 64 lower-case hex digits',
  );
}

function invalid(text: string, reason: string, hint?: string): BundleError {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return new BundleError(
    'REFERENCE_INVALID',
    `${JSON.stringify(shown)} is no image reference: ${reason}`,
    hint === undefined ? {} : { hint },
  );
}
