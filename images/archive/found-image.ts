import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Descriptor } from '../descriptor.ts';
import { formatReference, parseReference, type Reference } from '../reference.ts';

/** An image of an archive, under one of its names. */
export interface FoundImage {
  /** What the archive calls it, the most telling first; some say only the tag. */
  readonly names: readonly string[];
  readonly root: Descriptor;
}

/** An image and what it is called in the bundle. */
export interface NamedImage {
  readonly reference: Reference;
  readonly root: Descriptor;
}

/**
 * Which images of an archive travel, and as what. Without `image` all of them, by their own names. With it the one of that name; and where
 * the archive has one image only, that one gets the name, whatever it is called there. Throws REFERENCE_INVALID.
 */
export function nameImages(images: readonly FoundImage[], path: string, image: string | undefined): readonly NamedImage[] {
  const roots = new Set(images.map(({ root }) => root.digest));
  const [first] = images;
  if (first === undefined) throw refused(`${path} holds no image`);
  if (image === undefined) return everyName(images, path);
  const called = images.find((one) => isCalled(one, image));
  if (called === undefined && roots.size > 1) throw refused(`${path} has no image ${image}; it holds ${listed(images)}`);
  const { names, root } = called ?? first;
  // A bare tag chooses, and is no name yet.
  const name = isWhole(image) ? image : names.find(isWhole);
  return [{ reference: parseReference(name ?? image), root }];
}

/** All by their own names; the same twice is one. */
function everyName(images: readonly FoundImage[], path: string): NamedImage[] {
  const named = new Map<string, NamedImage>();
  for (const one of images) {
    const reference = parseReference(ownName(one, path));
    const name = formatReference(reference);
    const other = named.get(name);
    if (other !== undefined && other.root.digest !== one.root.digest) throw refused(`${path} holds two images ${name}`);
    named.set(name, { reference, root: one.root });
  }
  return [...named.values()];
}

/** True for what says more than a tag: docker's index.json has bare tags as names. */
function isWhole(name: string): boolean {
  return /[/:]/.test(name);
}

function ownName({ names }: FoundImage, path: string): string {
  const name = names.find(isWhole);
  if (name !== undefined) return name;
  throw refused(
    `an image in ${path} has no name`,
    'say what to call it: "image: registry.example/path/name:tag" beside the archive',
  );
}

function isCalled({ names }: FoundImage, wanted: string): boolean {
  return names.includes(wanted) || names.some((name) => canonical(name) === canonical(wanted));
}

function canonical(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}

/** For a message. */
function listed(images: readonly FoundImage[]): string {
  return images.map(({ names, root }) => names[0] ?? root.digest).join(', ') || 'nothing';
}

function refused(message: string, hint?: string): BundleError {
  return new BundleError('REFERENCE_INVALID', message, hint === undefined ? {} : { hint });
}
