import type { Finding } from '../../bundle-spec/finding.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { isMap } from '../values-path.ts';
import { wordsOf } from './image-labels.ts';
import { formatObjectPath, getInObject, type ObjectPath, payloadOf } from './payload.ts';
import { isAccount, isHostAlone } from './registry-hosts.ts';

/** The values paths that a probe proved to hold a registry or an account there: `docker.elastic.co` -> `config.containerRegistry`. */
export type HeldRegistries = ReadonlyMap<string, readonly string[]>;

/**
 * REGISTRY_IN_CONFIG for every registry, or account at one, that a key, flag or variable of rewritten objects still holds: a program puts
 * names behind it, which no render shows. By the text that stands there.
 */
export function findForeignRegistries(objects: readonly RenderedObject[], held: HeldRegistries): Map<string, Finding> {
  const found = new Map<string, Finding>();
  for (const object of objects) {
    if (object.kind === 'CustomResourceDefinition') continue;
    for (const { text, label, path } of labelledTexts(object.value)) {
      if (found.has(text) || !isRegistryIn(text, label)) continue;
      found.set(text, registryInConfig(text, `${object.kind}/${object.name}`, label || formatObjectPath(path), held.get(text)));
    }
  }
  return found;
}

function registryInConfig(text: string, object: string, label: string, paths: readonly string[] = []): Finding {
  const example = `${text}/…`;
  return {
    severity: 'info',
    code: 'REGISTRY_IN_CONFIG',
    message:
      `${label} of ${object} is ${text}: a program makes references of it that no render shows` +
      (paths.length === 0 ? ', and no value is proven to hold it' : `; ${paths.join(' and ')} holds it`),
    where: `${object} ${label}`,
    fix:
      paths.length === 0
        ? `name what is pulled from ${example} in images.extra, and tell the program of the registry behind the gap`
        : `name what is pulled from ${example} in images.extra: ${paths.join(' and ')} is then rewritten`,
  };
}

/** A string and what names it: its key, or the flag or variable it belongs to. */
interface LabelledText {
  readonly text: string;
  readonly label: string;
  readonly path: ObjectPath;
}

/** Every string of a rendered object, payloads included. */
export function* labelledTexts(value: unknown, path: ObjectPath = [], label = ''): Generator<LabelledText> {
  if (typeof value === 'string') yield* textsOf(value, path, label);
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* labelledTexts(item, [...path, index], flagBefore(value, index) ?? label);
  } else if (isMap(value)) {
    const variable = typeof value.name === 'string' && typeof value.value === 'string' ? value.name : 'value';
    for (const [key, inner] of Object.entries(value))
      yield* labelledTexts(inner, [...path, key], key === 'value' ? variable : key);
  }
}

function flagBefore(list: readonly unknown[], index: number): string | undefined {
  const previous = list[index - 1];
  return typeof previous === 'string' && /^--?[\w-]+$/.test(previous) ? previous : undefined;
}

function* textsOf(text: string, path: ObjectPath, label: string): Generator<LabelledText> {
  const payload = payloadOf(text);
  if (payload !== undefined) {
    yield* labelledTexts(getInObject(text, [payload]), [...path, payload], label);
    return;
  }
  const [, name = label, value = text] = /^(--?[\w.-]+)=(.*)$/.exec(text) ?? [];
  yield { text: value, label: name, path };
}

function isRegistryIn(text: string, label: string): boolean {
  const isRegistry = wordsOf(label).some((word) => /^(?:registr(?:y|ies)|repo(?:sitory)?|hub|images?)$/.test(word));
  return isRegistry && (isHostAlone(text) || (isAccount(text) && /^[^/]+\/[^/]+\/?$/.test(text)));
}
