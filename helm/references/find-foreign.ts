import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import type { BaseRender } from '../base-render.ts';
import type { Leftover } from '../discovery.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import type { Demand } from '../proof.ts';
import { findForeignNames } from './foreign-names.ts';
import { findForeignRegistries, type HeldRegistries } from './foreign-registries.ts';
import { findForeignTexts } from './foreign-text.ts';
import { pinOf } from './reference-text.ts';

/** A render after the rewrite, and the one before it. */
interface RewrittenRender {
  readonly base: BaseRender;
  readonly stream: string;
  readonly objects: readonly RenderedObject[];
}

interface ForeignOptions extends Pick<Demand, 'target' | 'isIgnored'> {
  readonly leftovers: readonly Leftover[];
  readonly held: HeldRegistries;
  readonly values: Values;
}

/** FOREIGN_TEXT and REGISTRY_IN_CONFIG: what still names foreign images or registries, and no leftover tells of. */
export function findForeign(rendered: readonly RewrittenRender[], options: ForeignOptions): Finding[] {
  const { target, isIgnored, leftovers, held, values } = options;
  const registries = new Map(rendered.flatMap(({ objects }) => [...findForeignRegistries(objects, held)]));
  const beginsLeftover = (text: string): boolean => leftovers.some(({ reference }) => reference.startsWith(`${text}/`));
  for (const text of registries.keys()) if (beginsLeftover(text)) registries.delete(text);
  const told = new Set([...leftovers.map(({ reference }) => reference), ...registries.keys()]);
  const known = rendered.flatMap(({ base }) => base.places.filter(({ complete }) => complete).map(({ text }) => text));
  const isTold = (text: string): boolean => isIgnored(text) || told.has(text) || beginsLeftover(text);
  const streams = new Set(rendered.map(({ stream }) => stream));
  const texts = [...streams].flatMap((stream) => findForeignTexts(stream, { target, known, isIgnored: isTold, values }));
  const used = known.filter((text) => !isIgnored(text.slice(0, text.length - pinOf(text).length)));
  const names = rendered.flatMap(({ objects }) => findForeignNames(objects, used));
  return [...new Map([...texts, ...names, ...registries.values()].map((finding) => [finding.message, finding])).values()];
}
