import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { type ParsedDocuments, type RenderedObject, readManifests, splitManifests } from '../manifest-stream.ts';
import { podSpecOf, pullSecretsOf } from '../pull-secrets/pod-specs.ts';
import { pullSecretEdit } from '../pull-secrets/pull-secret-edit.ts';
import { type Reading, readReferences } from '../references/find-references.ts';
import { formatObjectPath, getInObject, type ObjectPath } from '../references/payload.ts';
import { tokensOf } from '../references/reference-text.ts';
import { composeReference } from '../references/sibling-keys.ts';
import { formatPath, isMap, type Path } from '../values-path.ts';
import { applyTextEdits, type EditableYaml, editableYaml, editsOfYaml, type StringChange, type TextEdit } from './edit-source.ts';
import type { PodOwner, PostRender } from './post-render-rule.ts';
import { nodeAt } from './yaml-source.ts';

/**
 * A stream of manifests with the changes that `rule` names, and every other byte as it was: references are replaced in the text they are written
 * in, also inside documents and base64 that ConfigMaps and Secrets hold. Doing it again changes nothing.
 * `parsed` holds documents that were read before. Throws RENDER_UNREADABLE.
 */
export function postRender(stream: string, rule: PostRender, parsed: ParsedDocuments = new Map()): string {
  let edited = '';
  let done = 0;
  for (const document of splitManifests(stream)) {
    const start = stream.indexOf(document, done);
    edited += stream.slice(done, start) + editDocument(document, rule, parsed);
    done = start + document.length;
  }
  return edited + stream.slice(done);
}

/**
 * Reads a stream that `postRender` has made. Throws REWRITE_UNPROVEN, naming object and place, when something that the rule names is as it was.
 */
export function checkPostRendered(stream: string, rule: PostRender): void {
  for (const object of readManifests(stream)) {
    if (isOutOfReach(object, rule)) continue;
    const left = namedReadings(object, rule).map(({ reading }) => `${reading.text} at ${formatObjectPath(reading.path)}`);
    const pod = secretlessPod(object, rule);
    const problem = left[0] ?? (pod === undefined ? undefined : `${formatPath(pod)} without ${rule.pullSecret?.name}`);
    if (problem === undefined) continue;
    throw new BundleError('REWRITE_UNPROVEN', `${object.kind} ${object.name} (${object.template}) still has ${problem}`);
  }
}

/** True for an object whose hook the rule leaves alone. */
export function isOutOfReach(object: RenderedObject, { hooks }: Pick<PostRender, 'hooks'>): boolean {
  return object.hook !== undefined && !hooks;
}

function editDocument(document: string, rule: PostRender, parsed: ParsedDocuments): string {
  const objects = readManifests(document, parsed).filter((object) => !isOutOfReach(object, rule));
  const changes = objects.map((object) => ({ object, strings: stringChanges(object, rule), pod: secretlessPod(object, rule) }));
  if (changes.every(({ strings, pod }) => strings.length === 0 && pod === undefined)) return document;
  const editable = editableYaml(document);
  const places = placesOf(parsed.get(document) ?? []);
  const edits = changes.flatMap(({ object, strings, pod }): TextEdit[] => {
    const place = places.get(object.value);
    if (place === undefined) return [];
    const below = strings.map((change) => ({ ...change, path: [...place, ...change.path] }));
    return [...editsOfYaml(editable, below), ...podEdits(editable, pod && [...place, ...pod], rule)];
  });
  return applyTextEdits(document, editable.asGiven(edits));
}

/** Where the objects of a document are in it: the document itself, or items of a `List`. */
function placesOf(documents: readonly unknown[]): ReadonlyMap<unknown, Path> {
  const places = new Map<unknown, Path>();
  const visit = (value: unknown, path: Path): void => {
    places.set(value, path);
    const items = isMap(value) && Array.isArray(value.items) ? value.items : [];
    for (const [index, item] of items.entries()) visit(item, [...path, 'items', index]);
  };
  for (const [index, value] of documents.entries()) visit(value, documents.length === 1 ? [] : [index]);
  return places;
}

function stringChanges(object: RenderedObject, rule: PostRender): StringChange[] {
  return namedReadings(object, rule).flatMap(({ reading, local }) => changeOf(reading, local) ?? []);
}

function namedReadings(object: RenderedObject, { images }: PostRender): { readonly reading: Reading; readonly local: string }[] {
  if (Object.keys(images).length === 0) return [];
  return readReferences(object, { known: new Set(Object.keys(images)) }).flatMap((reading) => {
    const local = Object.hasOwn(images, reading.text) ? images[reading.text] : undefined;
    return local === undefined ? [] : [{ reading, local }];
  });
}

/** The change that makes `local` of a reference; `undefined` where no change of one string can. */
export function changeOf(reading: Reading, local: string): StringChange | undefined {
  const { object, path, as, index, text } = reading;
  if (as === 'group') return { path, edits: (value) => editsOfLead(value, text, local) };
  if (as === 'keys') return changeOfKeys(getInObject(object.value, path), reading, local);
  if (as === 'pod') return whole(path, local);
  if (as !== 'text') return changeOfHead(getInObject(object.value, path), reading, local);
  return {
    path,
    edits: (value) => {
      const token = tokensOf(value)[index];
      return token?.text === text ? [{ start: token.start, end: token.start + text.length, text: local }] : [];
    },
  };
}

/** A string that holds the beginning of a reference gets what makes `local` of the whole. */
function changeOfHead(head: unknown, { path, text }: Pick<Reading, 'path' | 'text'>, local: string): StringChange | undefined {
  if (typeof head !== 'string') return undefined;
  const bare = head.replace(/\/+$/, '');
  const rest = text.slice(bare.length);
  if (!text.startsWith(bare) || !local.endsWith(rest) || local.length === rest.length) return undefined;
  return whole(path, local.slice(0, local.length - rest.length));
}

function whole(path: ObjectPath, text: string): StringChange {
  return { path, edits: (value) => [{ start: 0, end: value.length, text }] };
}

/** A variable, key or flag that holds the beginning of a reference, of which the rest stands elsewhere, gets the beginning of `local`. */
function editsOfLead(value: string, text: string, local: string): TextEdit[] {
  const start = /^--?[\w.-]+=/.exec(value)?.[0].length ?? 0;
  const head = value.slice(start).replace(/\/+$/, '');
  const rest = text.slice(head.length);
  if (!text.startsWith(head) || !local.endsWith(rest)) return [];
  return [{ start, end: start + head.length, text: local.slice(0, local.length - rest.length) }];
}

/** The key that holds the beginning gets what makes the map read as `local`. */
function changeOfKeys(map: unknown, { path, text }: Reading, local: string): StringChange | undefined {
  if (!isMap(map)) return undefined;
  for (const key of composeReference(map, true)?.keys ?? []) {
    const change = changeOfHead(map[key], { path: [...path, key], text }, local);
    const [edit] = change?.edits(String(map[key])) ?? [];
    if (edit !== undefined && composeReference({ ...map, [key]: edit.text }, true)?.text === local) return change;
  }
  return undefined;
}

function secretlessPod(object: RenderedObject, { pullSecret }: PostRender): Path | undefined {
  if (pullSecret === undefined || !pullSecret.pods.some((pod) => isOwner(pod, object))) return undefined;
  const pod = podSpecOf(object);
  return pod === undefined || pullSecretsOf(pod.spec).includes(pullSecret.name) ? undefined : pod.path;
}

function isOwner({ kind, name, namespace }: PodOwner, object: RenderedObject): boolean {
  if (kind !== object.kind || namespace !== object.namespace) return false;
  return name.endsWith('*') ? object.name.startsWith(name.slice(0, -1)) : name === object.name;
}

function podEdits({ text, documents }: EditableYaml, path: Path | undefined, { pullSecret }: PostRender): TextEdit[] {
  if (path === undefined || pullSecret === undefined) return [];
  const spec = documents.length === 1 ? nodeAt(documents[0], path) : nodeAt(documents[Number(path[0])], path.slice(1));
  return spec?.kind === 'map' ? [pullSecretEdit(text, spec, pullSecret.name)] : [];
}
