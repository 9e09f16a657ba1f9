import { localReference, parseReference, type Reference, type Target } from '../../images/reference.ts';
import { isHostAlone } from './registry-hosts.ts';

/** A part of a string that has the characters of a reference. */
export interface Token {
  readonly text: string;
  /** Where it begins in the string. */
  readonly start: number;
  /** Scheme in front of it, without `://`. */
  readonly scheme?: string;
}

const tokenPattern = /(?:([a-zA-Z][a-zA-Z0-9+.-]*):\/\/)?([A-Za-z0-9](?:[A-Za-z0-9._\-/:@+]*[A-Za-z0-9])?)/g;

/** The tokens of `text`, in order; a sentinel put in front of one does not change how many there are. */
export function tokensOf(text: string): Token[] {
  return [...text.matchAll(tokenPattern)].map(tokenOf);
}

/** The tokens with a `/` or a `:`, and their index in `tokensOf`; a dashboard has ten thousand others. */
export function* pathTokensOf(text: string): Generator<readonly [number, Token]> {
  let index = 0;
  for (const match of text.matchAll(tokenPattern)) {
    if (match[1] !== undefined || match[0].includes('/') || match[0].includes(':')) yield [index, tokenOf(match)];
    index += 1;
  }
}

function tokenOf(match: RegExpExecArray): Token {
  const [whole, scheme, text = ''] = match;
  const start = match.index + whole.length - text.length;
  return scheme === undefined ? { text, start } : { text, start, scheme };
}

/** Characters and order of a reference; what does not fit need not be parsed, which would make an error of it. */
const referenceShape = /^(?:[a-zA-Z0-9.[\]:-]+\/)?[a-z0-9][a-z0-9._/-]*(?::\w[\w.-]*)?(?:@[a-zA-Z0-9+._-]+:[0-9a-fA-F]+)?$/;

/** `parseReference`, with `undefined` for what is none. */
export function asReference(text: string): Reference | undefined {
  if (!referenceShape.test(text)) return undefined;
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

/** How much of a reference a text spells out. */
export interface Spelling {
  readonly host: boolean;
  /** A tag or a digest. */
  readonly pinned: boolean;
  readonly reference: Reference;
}

/** `undefined` for what is no reference. */
export function spellingOf(text: string): Spelling | undefined {
  if (text.length > 512) return undefined;
  const reference = asReference(text);
  if (reference === undefined) return undefined;
  const first = text.slice(0, Math.max(0, text.indexOf('/')));
  return { host: /[.:]/.test(first) || first === 'localhost', pinned: pinOf(text) !== '', reference };
}

/** Tag and digest of a reference as written: `:7.0@sha256:…`, `:7.0`, `` (empty). */
export function pinOf(text: string): string {
  const at = text.indexOf('@');
  const colon = text.indexOf(':', text.lastIndexOf('/', at === -1 ? undefined : at) + 1);
  const start = colon === -1 || (at !== -1 && at < colon) ? at : colon;
  return start === -1 ? '' : text.slice(start);
}

const anywhere: Target = { host: 'target.invalid', prefix: '' };

/** Where `text` lies below any target: `quay.io/jetstack/x:v1`, `docker.io/library/redis`, a registry alone; tag and digest as written. */
export function localPath(text: string): string | undefined {
  if (isHostAlone(text)) return text;
  const reference = asReference(text);
  return reference === undefined ? undefined : `${localReference(reference, anywhere).repository}${pinOf(text)}`;
}

/** A path below a target as a reference there. */
export function atTarget(path: string, target: Target): string {
  return `${target.host}/${target.prefix === '' ? '' : `${target.prefix}/`}${path}`;
}
