import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { isLocal, type Target } from '../../images/reference.ts';
import { splitManifests } from '../manifest-stream.ts';
import { formatPath, isMap, type Path } from '../values-path.ts';
import { pathTokensOf, pinOf, type Spelling, spellingOf, type Token } from './reference-text.ts';
import { isOtherHost, isRegistryHost } from './registry-hosts.ts';
import { isFileName } from './token-meaning.ts';

export interface ForeignTextOptions {
  readonly target: Target;
  /** Images that the release is known to use, as the chart writes them. */
  readonly known: readonly string[];
  /** Of `images.ignore`, and what is told of already. */
  readonly isIgnored: (text: string) => boolean;
  /** The values that the templates see, to tell where the text stands in them. */
  readonly values: Values;
}

/**
 * FOREIGN_TEXT for whatever in a rewritten stream still names a foreign image. Warning: a pinned reference under a key that says image, one with path and version in quotes
 * amid code, and any text with the host and path, or the very words, of an image that is known. Info: another path at the registry of such an image or at one that is known by its name, and a
 * reference with host and full version. A second look that shares no rule of caution with the finder: it goes by lines, through every document,
 * and through base64 that decodes to text. Comments and schemas are left out.
 */
export function findForeignTexts(stream: string, options: ForeignTextOptions): Finding[] {
  const looker = new ForeignTexts(options);
  for (const document of splitManifests(stream)) looker.look(document);
  return [...looker.found.values()];
}

class ForeignTexts {
  readonly found = new Map<string, Finding>();
  readonly #options: ForeignTextOptions;
  readonly #texts: ReadonlySet<string>;
  readonly #repositories: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;

  constructor(options: ForeignTextOptions) {
    this.#options = options;
    this.#texts = new Set(options.known.filter((text) => pinOf(text) !== '' && /\/|\d\.\d/.test(text)));
    const repositories = options.known.flatMap((text) => repositoryOf(text) ?? []);
    this.#repositories = new Set(repositories);
    this.#hosts = new Set(repositories.map((repository) => repository.slice(0, repository.indexOf('/'))));
  }

  look(document: string): void {
    const kind = fieldOf(document, /^kind:[ \t]*["']?(\w+)/m);
    if (kind === 'CustomResourceDefinition') return;
    const name = fieldOf(document, /^metadata:[^\n]*(?:\n[ \t]+[^\n]*)*?(?:\n[ \t]+|[{,][ \t]*)name:[ \t]*["']?([\w.-]+)/m);
    const template = fieldOf(document, /^# Source: ([^\n]+)/);
    const place = { where: `${kind}/${name}`, template };
    this.#lookAt(document, place);
    for (const [encoded] of document.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)) {
      const text = Buffer.from(encoded, 'base64').toString('utf8');
      if (/image|[/:]/.test(text) && !text.includes('\ufffd')) this.#lookAt(text, place);
    }
  }

  #lookAt(text: string, { where, template }: { readonly where: string; readonly template: string }): void {
    for (const line of text.split('\n')) {
      if (/^\s*(?:#|\/\/)/.test(line) || !/[/:]/.test(line)) continue;
      for (const [, token] of pathTokensOf(line)) {
        const kind = this.#kindOf(line, token);
        if (kind !== undefined) this.found.set(`${where} ${token.text}`, this.#tell(token.text, kind, { where, template }));
      }
    }
  }

  #tell(
    text: string,
    kind: 'image' | 'hint',
    { where, template }: { readonly where: string; readonly template: string },
  ): Finding {
    const [path] = pathsWith(this.#options.values, [], text);
    return {
      severity: kind === 'image' ? 'warning' : 'info',
      code: 'FOREIGN_TEXT',
      message:
        `${text} still stands in ${where} (${template}) after the rewrite` +
        (path === undefined ? '' : `; ${formatPath(path)} of the values says the same`),
      where,
      fix: 'if a program pulls from there, set the value that holds it, and add what it pulls to images.extra; if not, add it to images.ignore',
    };
  }

  #kindOf(line: string, token: Token): 'image' | 'hint' | undefined {
    if (token.scheme !== undefined && !/^(?:docker|oci|docker-image)$/.test(token.scheme)) return undefined;
    const spelling = isFileName(token.text) ? undefined : spellingOf(token.text);
    if (spelling === undefined || this.#isHarmless(token.text, spelling)) return undefined;
    const repository = repositoryOf(token.text) ?? '';
    if (this.#texts.has(token.text) || this.#repositories.has(repository)) return 'image';
    if (spelling.pinned && (isEntry(line, token) || isQuotedInCode(line, token))) return 'image';
    if (repository === '') return undefined;
    const isVersion = spelling.pinned && /\d\.\d|@/.test(pinOf(token.text));
    return isVersion || this.#hosts.has(spelling.reference.host) || isRegistryHost(spelling.reference.host) ? 'hint' : undefined;
  }

  #isHarmless(text: string, { reference }: Spelling): boolean {
    const { target, isIgnored } = this.#options;
    return isLocal(reference, target) || isOtherHost(reference.host) || reference.host.endsWith('.invalid') || isIgnored(text);
  }
}

function* pathsWith(value: unknown, path: Path, text: string): Generator<Path> {
  if (typeof value === 'string' && value.includes(text)) yield path;
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* pathsWith(item, [...path, index], text);
  else if (isMap(value)) for (const [key, inner] of Object.entries(value)) yield* pathsWith(inner, [...path, key], text);
}

function fieldOf(document: string, pattern: RegExp): string {
  return pattern.exec(document)?.[1] ?? 'unknown';
}

/** Host and path as written; `undefined` for a text without both. */
function repositoryOf(text: string): string | undefined {
  const spelling = spellingOf(text);
  if (!spelling?.host || !/^[^/]+\/./.test(text)) return undefined;
  return `${spelling.reference.host}/${spelling.reference.repository}`;
}

/** `image: …` and no more on the line, `"image": "…"` anywhere in it. */
function isEntry(line: string, { text, start }: Token): boolean {
  const [before, after] = [line.slice(Math.max(0, start - 60), start), line.slice(start + text.length)];
  if (/\\?"image\\?"\s*:\s*\\?"$/i.test(before)) return /^\\?"/.test(after);
  return /^(?:.*[\s{,[-])?image:\s+["']?$/i.test(before) && /^["']?\s*(?:[,}\]].*|#.*)?$/.test(after);
}

/** In quotes, with path and version, and more on the line than a key: `run: op.#Apply & {with: ["shop/cli:v1.2.3"]}`. */
function isQuotedInCode(line: string, { text, start }: Token): boolean {
  const [before, after] = [line.slice(0, start), line.slice(start + text.length)];
  if (!text.includes('/') || !/\d\.\d|@/.test(pinOf(text)) || !before.endsWith('"') || !after.startsWith('"')) return false;
  return !/^\s*(?:-\s+)*(?:"?[\w./-]+"?:\s+)?"$/.test(before) || !/^",?\s*(?:#.*)?$/.test(after);
}
