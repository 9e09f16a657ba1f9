import type { Values } from '../bundle-spec/values-layer.ts';
import { meaningOf } from './references/image-labels.ts';
import { type Spelling, spellingOf, tokensOf } from './references/reference-text.ts';
import { isAccount, isRegistryHost } from './references/registry-hosts.ts';
import { formatPath, getAt, isMap, type Path } from './values-path.ts';

/** A part of a string in the values where an image, or the beginning of one, may stand. */
export interface Candidate {
  readonly path: Path;
  /** What stands before and after it in the string, and is kept. */
  readonly before: string;
  /** What stands there now; empty for a slot that the chart fills by a default of its own. */
  readonly head: string;
  readonly after: string;
  /**
   * `likely`: probed at once. The others only for references that nothing else controls, one rank after the other. `inner`: its name says
   * image, but another key seems to hold the host. `host slot`, `name slot`: empty, for a registry or a repository that the chart has a default
   * for. `bare`: a word under any key that also begins a reference. `whole slot`: empty, for a whole reference with its tag.
   */
  readonly rank: 'likely' | 'inner' | 'host slot' | 'name slot' | 'bare' | 'whole slot';
}

const registryKey =
  /(?:^|[a-z_-])(?:registry|registryhost|hub)$|^(?:image|repository|docker)[-_]?(?:host|prefix|registry|repositoryPrefix)$/i;
const repositoryKey = /(?:^|[a-z_-])(?:repository|repo|image[-_]?name|image[-_]?path|repository[-_]?name)$/i;
const imageKey = /images?$|^image[-_]?(?:ref|reference|uri)$/i;
const overrideKey = /^(?:override|full|fullname|ref|reference|uri|custom)$/i;
const pinKeys = ['tag', 'imageTag', 'version', 'digest', 'sha', 'sha256'];

/** Every candidate in `values`, given the texts of the references that an unprobed render shows. */
export function findCandidates(values: Values, rendered: readonly string[]): Candidate[] {
  const finder = new CandidateFinder(rendered);
  finder.visit(values, []);
  return [...finder.found.values()];
}

/** Candidates at a path that the spec names: the string there, the parts of a map, or an empty slot where there is nothing. */
export function candidatesAt(values: Values, path: Path): Candidate[] {
  const value = getAt(values, path);
  if (isMap(value)) {
    const keys = Object.keys(value).filter((key) => registryKey.test(key) || repositoryKey.test(key) || imageKey.test(key));
    return (keys.length === 0 ? ['name'] : keys).flatMap((key) => candidatesAt(values, [...path, key]));
  }
  if (value === undefined || value === null) return [whole(path, '', 'likely')];
  return typeof value === 'string' ? [whole(path, value, 'likely')] : [];
}

/** The slot that an absent or empty value at `path` is by its key; `undefined` for keys that say nothing of images. */
export function slotAt(path: Path): Candidate | undefined {
  const key = nameOf(path);
  if (registryKey.test(key)) return whole(path, '', 'host slot');
  return repositoryKey.test(key) || imageKey.test(key) || isOverride(path) ? whole(path, '', 'name slot') : undefined;
}

/** `image.override`, `image.ref`: what stands there is taken instead of the parts beside it. */
function isOverride(path: Path): boolean {
  const [key = '', ...above] = path.filter((step) => typeof step === 'string').reverse();
  return overrideKey.test(key) && above.some((step) => meaningOf(step).image);
}

function whole(path: Path, head: string, rank: Candidate['rank']): Candidate {
  return { path, before: '', head, after: '', rank };
}

class CandidateFinder {
  readonly found = new Map<string, Candidate>();
  readonly #rendered: readonly string[];

  constructor(rendered: readonly string[]) {
    this.#rendered = rendered;
  }

  visit(value: unknown, path: Path): void {
    if (typeof value === 'string' || value === null) this.#visitText(value ?? '', path, {});
    else if (Array.isArray(value)) for (const [index, item] of value.entries()) this.visit(item, [...path, index]);
    else if (isMap(value)) this.#visitMap(value, path);
  }

  #visitMap(map: Readonly<Record<string, unknown>>, path: Path): void {
    for (const [key, value] of Object.entries(map)) {
      if (typeof value === 'string' || value === null) this.#visitText(value ?? '', [...path, key], map);
      else this.visit(value, [...path, key]);
    }
  }

  #visitText(text: string, path: Path, siblings: Readonly<Record<string, unknown>>): void {
    const rank = this.#rankOf(text, path, siblings);
    if (rank !== undefined) this.#add(whole(path, text, rank));
    else if (text.includes('{{')) this.#addTemplate(text, path);
    else if (text !== '') this.#addParts(text, path);
  }

  #rankOf(text: string, path: Path, siblings: Readonly<Record<string, unknown>>): Candidate['rank'] | undefined {
    const key = nameOf(path);
    if (/\s|\{\{|:\/\//.test(text)) return undefined;
    if (text === '') return slotAt(path)?.rank;
    const byName = rankByName(text, key, path, siblings);
    if (byName === 'likely') return byName;
    const begins = this.#rendered.some((reference) => beginsAt(reference, text, /^[/:@]/));
    if (begins) return /[./:]/.test(text) || byName !== undefined ? 'likely' : 'bare';
    const spelling = spellingOf(text);
    if (spelling?.host && (spelling.pinned || isRepository(spelling.reference, key))) return 'likely';
    return byName ?? (this.#beginsHost(text) ? 'bare' : undefined);
  }

  /** `123456789012` in `123456789012.dkr.ecr.eu-west-1.amazonaws.com/api`, `shop` in `shop-api:1`. */
  #beginsHost(text: string): boolean {
    return text.length > 2 && this.#rendered.some((reference) => beginsAt(reference, text, /^[._-]/));
  }

  /** A template in the values that begins with the host and a part of the path: `quay.io/shop/{{ .Values.name }}:1`. */
  #addTemplate(text: string, path: Path): void {
    const [head = ''] = /^[a-z0-9][\w.-]*(?::\d+)?\/[\w./:-]*(?=\{\{)/i.exec(text) ?? [];
    if (/^[^/]*[.:]|^localhost/.test(head)) this.#add({ path, before: '', head, after: text.slice(head.length), rank: 'likely' });
    else this.#addParts(text, path);
  }

  /** References inside a longer string: flags, comma lists, documents. */
  #addParts(text: string, path: Path): void {
    for (const { text: head, start, scheme } of tokensOf(text)) {
      if (scheme !== undefined && scheme !== 'docker' && scheme !== 'oci') continue;
      const spelling = /[/:]/.test(head) ? spellingOf(head) : undefined;
      const isReference = (spelling?.host && spelling.pinned) || (spelling !== undefined && this.#rendered.includes(head));
      if (isReference)
        this.#add({ path, before: text.slice(0, start), head, after: text.slice(start + head.length), rank: 'likely' });
    }
  }

  #add(candidate: Candidate): void {
    this.found.set(`${formatPath(candidate.path)} ${candidate.before.length}`, candidate);
  }
}

/** Host and path at a registry, under a name that speaks of no code and no charts. */
function isRepository({ host, repository }: Spelling['reference'], key: string): boolean {
  return isRegistryHost(host) && !isAccount(`${host}/${repository}`) && !/url|chart|helm|git|source/i.test(key);
}

/** The key a string is known by: its own, or that of the list it is in. */
function nameOf(path: Path): string {
  const key = path.findLast((step) => typeof step === 'string');
  return typeof key === 'string' ? key : '';
}

type Siblings = Readonly<Record<string, unknown>>;

function rankByName(text: string, key: string, path: Path, siblings: Siblings): Candidate['rank'] | undefined {
  if (registryKey.test(key)) return /^[\w.-]+(?::\d+)?(?:\/[\w./-]*)?$/.test(text) ? 'likely' : 'inner';
  const pinned = pinKeys.some((name) => Object.hasOwn(siblings, name));
  if (repositoryKey.test(key) || imageKey.test(key)) return rankOfName(text, key, siblings, pinned);
  // {name, version} is what applications and databases have as well.
  const isTagged = pinKeys.some((pin) => pin !== 'version' && Object.hasOwn(siblings, pin)) || (pinned && text.includes('/'));
  const isName = key === 'name' && (isTagged || imageKey.test(nameOf(path.slice(0, -1))));
  if (!isName || spellingOf(text) === undefined) return undefined;
  return pinned && !isSet(siblings, 'image', 'repository', 'registry') ? 'likely' : 'inner';
}

function rankOfName(text: string, key: string, siblings: Siblings, pinned: boolean): Candidate['rank'] | undefined {
  if (spellingOf(text) === undefined) return undefined;
  if (isSet(siblings, 'registry', 'imageRegistry', 'hub')) return 'inner';
  if (!repositoryKey.test(key) && isSet(siblings, 'repository')) return 'inner';
  // A bare word under "repository" or in a list may be anything; with a tag beside it, or a path, it is an image.
  return pinned || /[/:]/.test(text) || key === 'image' ? 'likely' : 'inner';
}

function isSet(siblings: Siblings, ...keys: readonly string[]): boolean {
  return keys.some((key) => typeof siblings[key] === 'string' && siblings[key] !== '');
}

function beginsAt(reference: string, head: string, boundary: RegExp): boolean {
  if (!reference.startsWith(head)) return false;
  const rest = reference.slice(head.length);
  return rest === '' || head.endsWith('/') || boundary.test(rest);
}
