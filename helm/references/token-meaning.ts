import { withoutSentinels } from '../sentinel.ts';
import { type LabelMeaning, meaningOf } from './image-labels.ts';
import { pinOf, type Spelling, spellingOf, type Token } from './reference-text.ts';
import { isOtherHost, isRegistryHost } from './registry-hosts.ts';

/** A token and what is around it. */
export interface TokenPlace {
  readonly token: Token;
  /** The string it is in. */
  readonly text: string;
  /** What names the string: its key, or the flag or variable it belongs to. */
  readonly label: string;
  /** True in ConfigMaps and Secrets: scripts, dashboards and manuals mention images that nothing pulls. */
  readonly inDocument: boolean;
}

/** `certain`: it is an image. `unfinished`: it is one of which the tag comes from elsewhere. `possible`: an image if another place says so. */
export type TokenMeaning = 'certain' | 'unfinished' | 'possible' | 'none';

/** What a token of a rendered string means. One that begins with a sentinel is `certain` or `unfinished`, except in a URL. */
export function meaningOfToken(place: TokenPlace, probed: boolean): TokenMeaning {
  const { token, text, label } = place;
  if (token.scheme !== undefined && !referenceSchemes.has(token.scheme)) return 'none';
  const named = labelBefore(text, token);
  const meaning = meaningOf(named ?? ownLabel(text, label));
  const open = isOpenEnded(text, token);
  const spelling = isFileName(token.text) ? undefined : spellingOf(withoutSentinels(token.text));
  if (spelling?.host && isOtherHost(spelling.reference.host)) return 'none';
  if (probed) return !open && isFinished(spelling, withoutSentinels(token.text), meaning) ? 'certain' : 'unfinished';
  if (open || spelling === undefined) return 'none';
  const around = { meaning, alone: standsAlone(text, token, named) };
  return spelling.pinned ? meaningOfPinned(place, spelling, around) : meaningOfUnpinned(place, spelling, around);
}

interface Surroundings {
  readonly meaning: LabelMeaning;
  readonly alone: boolean;
}

function meaningOfPinned({ token, text, inDocument }: TokenPlace, spelling: Spelling, around: Surroundings): TokenMeaning {
  const whole = text.trim().length === token.text.length;
  const apart = whole || !inDocument;
  const line = inDocument && !whole ? lineAround(text, token) : 'other';
  // What a comment tells is an example.
  if (line === 'comment') return 'possible';
  if (isSetApart(text, token, spelling, around.meaning)) return 'certain';
  const alone = around.alone && !inDocument;
  if (around.meaning.image && (spelling.host || token.text.includes('/') || whole || alone || line === 'entry')) return 'certain';
  const released = spelling.host && (looksReleased(spelling.reference) || isRegistryHost(spelling.reference.host));
  if (released && apart) return 'certain';
  return apart || around.meaning.image ? 'possible' : 'none';
}

function isSetApart(text: string, token: Token, spelling: Spelling, meaning: LabelMeaning): boolean {
  return isCueDefault(text, token, spelling) || isInList(text, token, meaning);
}

/** CUE marks defaults by a star: `executor: *"shop/kaniko:v1.9.1" | string`. */
function isCueDefault(text: string, { start, text: own }: Token, { reference }: Spelling): boolean {
  if (!own.includes('/') || !looksReleased(reference)) return false;
  return text.slice(start - 2, start) === '*"' && /^"\s*(?:\||$)/m.test(text.slice(start + own.length, start + own.length + 4));
}

/** A member of a string that lists references and nothing else: `quay.io/shop/api:1.2,busybox:1.37.0`. */
function isInList(text: string, { text: own }: Token, { image }: LabelMeaning): boolean {
  if (text.length > 4096 || !/[,;\s]/.test(text.trim())) return false;
  const members = text
    .replace(/^--?[\w.-]+=/, '')
    .split(/[\s,;]+/)
    .filter((member) => member !== '');
  const spellings = members.map((member) => (isFileName(member) ? undefined : spellingOf(withoutSentinels(member))));
  if (members.length < 2 || !members.includes(own) || !spellings.every((spelling) => spelling?.pinned)) return false;
  if (image) return true;
  const isAmongImages = spellings.some((spelling) => spelling?.host && isRegistryHost(spelling.reference.host));
  return isAmongImages && /\d\.\d|:latest$/.test(pinOf(own));
}

function meaningOfUnpinned({ token, inDocument }: TokenPlace, spelling: Spelling, around: Surroundings): TokenMeaning {
  if (!spelling.host || /:\d+\//.test(token.text)) return 'none';
  if (around.meaning.image) return around.meaning.unfinished ? 'unfinished' : 'certain';
  const named = around.meaning.artifact && around.alone && !inDocument;
  return named && isRegistryHost(spelling.reference.host) ? 'unfinished' : 'none';
}

const referenceSchemes = new Set(['docker', 'oci', 'docker-image', 'containers-storage']);

/** A list of references has its name in front; prose and scripts have many words. */
function ownLabel(text: string, label: string): string {
  return text.length < 4096 && /^[\w./:@+=,;\-\s]*$/.test(text) ? label : '';
}

/** The flag, variable or key written in front of a token in the same string: `--image=`, `IMAGE: `, `image = "`. */
function labelBefore(text: string, token: Token): string | undefined {
  const start = token.start - (token.scheme === undefined ? 0 : token.scheme.length + 3);
  if (start === 0) return undefined;
  const before = text.slice(Math.max(0, start - 100), start);
  if (before.endsWith('>')) return elementBefore(text, token);
  return /([A-Za-z][\w.-]*)["']?\s*(?:=|:)\s*\*?["']?$/.exec(before)?.[1] ?? /--?([A-Za-z][\w-]*)[ \t]+["']?$/.exec(before)?.[1];
}

/** `entry`: a key and the token make the line, as in TOML or a manifest with template commands around it; or both stand in quotes or tags, as in JSON and XML. */
function lineAround(text: string, { start, text: { length } }: Token): 'entry' | 'comment' | 'other' {
  const before = text.slice(Math.max(text.lastIndexOf('\n', start - 1) + 1, start - 200), start);
  if (/^\s*(?:#|\/\/)/.test(before)) return 'comment';
  const end = text.indexOf('\n', start);
  const after = text.slice(start + length, end === -1 ? undefined : Math.min(end, start + length + 200));
  const isLine = /^\s*(?:-\s+)?["']?[\w.-]+["']?(?::\s+|\s*=\s*)["']?$/.test(before) && /^["']?,?\s*(?:#.*)?$/.test(after);
  const isPair = /"[\w.-]+"\s*:\s*"$/.test(before) && after.startsWith('"');
  const isElement = /<[\w.-]+>$/.test(before) && after.startsWith('</');
  return isLine || isPair || isElement ? 'entry' : 'other';
}

/** Nothing but quotes, blanks and separators of lists around it, or its own label in front. */
function standsAlone(text: string, token: Token, named: string | undefined): boolean {
  const before = text[token.start - 1];
  const after = text[token.start + token.text.length];
  const begins = named !== undefined || token.scheme !== undefined || before === undefined || /[\s"',;[]/.test(before);
  return begins && (after === undefined || /[\s"',;\]]/.test(after));
}

/** More is put behind it, or it is the beginning of a pattern: `quay.io/shop/*`, `quay.io/shop/api:${TAG}`. */
function isOpenEnded(text: string, token: Token): boolean {
  const end = token.start + token.text.length;
  if (elementBefore(text, token) !== undefined && text.startsWith('</', end)) return false;
  return (
    /^[/:@._-]*(?:[*$%{<]|\[\[)/.test(text.slice(end, end + 4)) ||
    /[*}>$]$/.test(text.slice(Math.max(0, token.start - 1), token.start))
  );
}

/** The name of the XML element that begins right before a token: `<image>`. */
function elementBefore(text: string, { start }: Token): string | undefined {
  if (text[start - 1] !== '>') return undefined;
  return /<([A-Za-z][\w.-]*)>$/.exec(text.slice(Math.max(0, start - 100), start))?.[1];
}

const fileEnd =
  /\.(?:png|svg|jpe?g|gif|ico|webp|json|ya?ml|html?|js|css|txt|sh|gz|tgz|zip|tar|iso|qcow2|img|raw|conf|cfg|ini|crt|pem|key|sock|log|md|xml|proto|go|py|jar|so)$/i;

/** A picture or a document by its name, and no tag behind it. */
export function isFileName(text: string): boolean {
  return fileEnd.test(text) && pinOf(text) === '';
}

function isFinished(spelling: Spelling | undefined, text: string, meaning: LabelMeaning): boolean {
  if (spelling === undefined) return false;
  if (spelling.pinned) return meaning.image || text.includes('/') || !/:\d{2,5}$/.test(text);
  return meaning.image && !meaning.unfinished && text.includes('/');
}

/** Host and tag alone do not make an image: `nvidia.com/gpu:1`, `node.kubernetes.io/role:NoSchedule`. */
function looksReleased(reference: { readonly tag?: string; readonly digest?: string }): boolean {
  return reference.digest !== undefined || /\d\.\d|^latest$/.test(reference.tag ?? '');
}
