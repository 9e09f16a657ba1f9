import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { type Index, type Manifest, manifestLimit, parseManifest } from '../manifest.ts';
import { settled } from '../settled.ts';

/** All that an image or artifact consists of. */
export interface ImageTree {
  /** Children before the index that lists them, the root last; each once. */
  readonly manifests: readonly HeldDocument[];
  /** Configs and layers, each once. Those of `foreign` are not among them. */
  readonly blobs: readonly Descriptor[];
  /** Layers that a licence binds to where their `urls` point. Registries may have them nevertheless; see `isForeign`. */
  readonly foreign: readonly Descriptor[];
}

export interface TreeOptions {
  /** True for a child that the bundle does not hold: a platform that a sparse index leaves out. Default: none. */
  readonly isLeftOut?: (child: Descriptor) => boolean;
}

/** Indexes that list indexes are allowed; deeper than this is an attack. */
const deepest = 4;

/** An image of more manifests than this is none; neither is one whose manifests have more bytes than that. */
export const mostManifests = 2000;
const mostBytes = 64 << 20;

/** Manifests that are asked for at the same time. */
const readAtOnce = 16;

/** A layer whose media type says "do not pass it on" (Windows base layers until 2023). The registry may have it all the same. */
export function isForeign({ mediaType }: Descriptor): boolean {
  return /nondistributable|foreign/.test(mediaType);
}

/** Follows `root` down through `read`, which gives the verified bytes of a manifest. Throws MANIFEST_INVALID, and what `read` throws. */
export async function readImageTree(
  root: Descriptor,
  read: (descriptor: Descriptor) => Promise<Buffer>,
  { isLeftOut = () => false }: TreeOptions = {},
): Promise<ImageTree> {
  const nodes = new Map<Digest, Node>();
  let level: readonly Descriptor[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > deepest) throw invalid(root, `it nests indexes more than ${deepest} deep`);
    const next = new Map<Digest, Descriptor>();
    for (let at = 0; at < level.length; at += readAtOnce) {
      checkSize(root, nodes, [...level.slice(at), ...next.values()]);
      const found = await settled(level.slice(at, at + readAtOnce).map(async (one) => nodeOf(one, await read(one), isLeftOut)));
      for (const node of found) nodes.set(node.document.descriptor.digest, node);
      for (const child of found.flatMap(({ children }) => children)) next.set(child.digest, child);
    }
    level = [...next.values()].filter(({ digest }) => !nodes.has(digest));
  }
  const manifests = inOrder(root.digest, nodes);
  const blobs = distinct([...nodes.values()].flatMap((node) => node.blobs));
  checkSizes(root, nodes.values(), blobs);
  return { manifests, blobs: blobs.filter((blob) => !isForeign(blob)), foreign: blobs.filter(isForeign) };
}

interface Node {
  readonly document: HeldDocument;
  readonly children: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
}

function nodeOf(descriptor: Descriptor, bytes: Buffer, isLeftOut: (child: Descriptor) => boolean): Node {
  const named: Manifest | Index = parseManifest(bytes, descriptor.digest);
  const document = { descriptor, bytes };
  if (!('manifests' in named)) return { document, children: [], blobs: [named.config, ...named.layers] };
  return { document, children: named.manifests.filter((child) => !isLeftOut(child)), blobs: [] };
}

/** Before anything that is `known` is asked for. */
function checkSize(root: Descriptor, nodes: ReadonlyMap<Digest, Node>, known: readonly Descriptor[]): void {
  const large = known.find(({ size }) => size > manifestLimit);
  if (large !== undefined) throw invalid(root, `${large.digest} has ${large.size} bytes, and ${manifestLimit} are allowed`);
  const count = nodes.size + known.length;
  if (count > mostManifests) throw invalid(root, `it leads to ${count} manifests, and ${mostManifests} are allowed`);
  const held = [...nodes.values()].map(({ document }) => document.descriptor);
  const bytes = [...held, ...known].reduce((sum, { size }) => sum + size, 0);
  if (bytes > mostBytes) throw invalid(root, `its manifests have ${bytes} bytes, and ${mostBytes} are allowed`);
}

/** Children first. What is visited is not visited again, so that no lie about digests leads in a circle. */
function inOrder(root: Digest, nodes: ReadonlyMap<Digest, Node>): HeldDocument[] {
  const ordered: HeldDocument[] = [];
  const seen = new Set<Digest>();
  const visit = (digest: Digest): void => {
    const node = nodes.get(digest);
    if (node === undefined || seen.has(digest)) return;
    seen.add(digest);
    for (const child of node.children) visit(child.digest);
    ordered.push(node.document);
  };
  visit(root);
  return ordered;
}

/** One digest has one size. */
function checkSizes(root: Descriptor, nodes: Iterable<Node>, blobs: readonly Descriptor[]): void {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  for (const node of nodes) {
    const lie = node.blobs.find(({ digest, size }) => sizes.get(digest) !== size);
    if (lie !== undefined) throw invalid(root, `it gives ${lie.digest} two sizes, ${lie.size} and ${sizes.get(lie.digest)}`);
  }
}

function distinct(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

function invalid(root: Descriptor, reason: string): BundleError {
  return new BundleError('MANIFEST_INVALID', `the manifest of ${root.digest} is invalid: ${reason}`);
}
