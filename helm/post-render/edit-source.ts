import { indentFlowLines } from '../../bundle-spec/flow-indentation.ts';
import { decode, type ObjectPath, type PayloadStep } from '../references/payload.ts';
import { nodeAt, readSource, type SourceNode, type SourceScalar } from './yaml-source.ts';

/** A stretch of a text and what takes its place. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A change of the string at `path`: of the stretches of its value that `edits` finds in it. */
export interface StringChange {
  readonly path: ObjectPath;
  readonly edits: (value: string) => readonly TextEdit[];
}

/** `text` with its edits, each of them once. */
export function applyTextEdits(text: string, edits: readonly TextEdit[]): string {
  const distinct = new Map(edits.map((edit) => [`${edit.start} ${edit.end} ${edit.text}`, edit]));
  let edited = text;
  // From the back, so that the places in front stay where they are.
  for (const { start, end, text: by } of [...distinct.values()].sort((a, b) => b.start - a.start || b.end - a.end))
    edited = `${edited.slice(0, start)}${by}${edited.slice(end)}`;
  return edited;
}

/** A YAML text that can be read: itself, or with the spaces that `indentFlowLines` puts in front of lines. */
export interface EditableYaml {
  readonly text: string;
  readonly documents: readonly SourceNode[];
  /** Edits of `text` as edits of what was given. */
  readonly asGiven: (edits: readonly TextEdit[]) => readonly TextEdit[];
}

/** Throws js-yaml's YAMLException. */
export function editableYaml(given: string): EditableYaml {
  const { text, documents } = indentFlowLines(given, (indented) => ({ text: indented, documents: readSource(indented) }));
  if (text === given) return { text, documents, asGiven: (edits) => edits };
  const back = offsetsWithout(given.split('\n'), text.split('\n'));
  const asGiven = (edits: readonly TextEdit[]) =>
    edits.map((edit) => ({ ...edit, start: back(edit.start), end: back(edit.end) }));
  return { text, documents, asGiven };
}

/** Offsets of a text whose lines have more spaces in front as offsets of the one that has them not. */
function offsetsWithout(given: readonly string[], indented: readonly string[]): (offset: number) => number {
  return (offset) => {
    let [start, left] = [0, offset];
    for (const [index, line] of indented.entries()) {
      const own = given[index] ?? '';
      if (left <= line.length) return start + Math.max(0, left - (line.length - own.length));
      start += own.length + 1;
      left -= line.length + 1;
    }
    return start + left;
  };
}

/**
 * The edits of a YAML text that make the changes to its strings and to no other byte of it, also where a string holds a document or base64 that
 * holds the string meant. Paths that are not there are passed over.
 */
export function editsOfYaml({ text, documents }: EditableYaml, changes: readonly StringChange[]): TextEdit[] {
  const root = documents.length === 1 ? documents[0] : listOf(documents);
  const byString = new Map<SourceScalar, StringChange[]>();
  for (const { path, edits } of changes) {
    const split = path.findIndex((step) => typeof step === 'object');
    const outer = path.slice(0, split === -1 ? undefined : split) as (string | number)[];
    const node = nodeAt(root, outer);
    if (node?.kind !== 'scalar') continue;
    byString.set(node, [...(byString.get(node) ?? []), { path: split === -1 ? [] : path.slice(split), edits }]);
  }
  return [...byString].flatMap(([scalar, inner]) => editsOfScalar(text, scalar, editsOfString(scalar.text, inner)));
}

function listOf(items: readonly SourceNode[]): SourceNode {
  return { kind: 'list', start: -1, flow: false, items };
}

/** Edits of the value of a string; the paths begin inside it. */
function editsOfString(value: string, changes: readonly StringChange[]): readonly TextEdit[] {
  const own = changes.filter(({ path }) => path.length === 0).flatMap(({ edits }) => edits(value));
  const inner = Map.groupBy(
    changes.filter(({ path }) => path.length > 0),
    ({ path }) => (path[0] as PayloadStep).payload,
  );
  const deeper = [...inner].flatMap(([payload, group]) => {
    const below = group.map(({ path, edits }) => ({ path: path.slice(1), edits }));
    return payload === 'yaml' ? editsOfPayload(value, below) : editsOfBase64(value, group[0]?.path[0] as PayloadStep, below);
  });
  return [...own, ...deeper];
}

function editsOfPayload(value: string, changes: readonly StringChange[]): readonly TextEdit[] {
  const editable = editableYaml(value);
  return editable.asGiven(editsOfYaml(editable, changes));
}

function editsOfBase64(value: string, step: PayloadStep, changes: readonly StringChange[]): readonly TextEdit[] {
  const inner = decode(value, step);
  if (typeof inner !== 'string') return [];
  const edits = editsOfString(inner, changes);
  if (edits.length === 0) return [];
  const encoded = Buffer.from(applyTextEdits(inner, edits)).toString('base64');
  return [{ start: 0, end: value.length, text: value.endsWith('\n') ? `${encoded}\n` : encoded }];
}

/** Edits of the value of a scalar as edits of the text that it is written in. */
function editsOfScalar(text: string, scalar: SourceScalar, edits: readonly TextEdit[]): TextEdit[] {
  if (edits.length === 0 || scalar.start === -1) return [];
  const source = text.slice(scalar.start, scalar.end);
  const inPlace = edits.map((edit) => inSource(source, scalar, edit));
  if (!inPlace.includes(undefined)) return inPlace.filter((edit) => edit !== undefined);
  return [writtenAnew(text, scalar, applyTextEdits(scalar.text, edits))];
}

/** `undefined` where the stretch is written in another way than it reads, or the new text would need quotes. */
function inSource(source: string, { start, text: value }: SourceScalar, edit: TextEdit): TextEdit | undefined {
  if (!/^[\w./:@+=-]+$/.test(edit.text)) return undefined;
  if (source === value) return { start: start + edit.start, end: start + edit.end, text: edit.text };
  const old = value.slice(edit.start, edit.end);
  const [read, written] = [placesOf(value, old), placesOf(source, old)];
  const at = written[read.indexOf(edit.start)];
  if (read.length !== written.length || at === undefined) return undefined;
  return { start: start + at, end: start + at + old.length, text: edit.text };
}

function placesOf(text: string, part: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(part); at !== -1 && part !== ''; at = text.indexOf(part, at + 1)) places.push(at);
  return places;
}

/** The whole scalar in double quotes, in which any text can be written. */
function writtenAnew(text: string, { style, start, end }: SourceScalar, value: string): TextEdit {
  const written = JSON.stringify(value);
  if (style === 'plain') return { start, end, text: written };
  if (style === 'quoted') return { start: start - 1, end: end + 1, text: written };
  const header = /[|>][-+\d]*[ \t]*(?:#[^\n]*)?\r?\n$/.exec(text.slice(0, start))?.index ?? start;
  return { start: header, end, text: `${written}\n` };
}
