import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { ImageClass, LockedAttached, LockedImage } from '../../bundle-spec/lock.ts';
import type { BundleHeader } from './bundle-layout.ts';

/** A bundle to be merged, as errors call it. */
export interface NamedJson {
  readonly path: string;
  readonly json: BundleJson;
}

/** What several bundles are called together. */
export type MergedName = BundleJson['metadata'];

/** bundle.json of a delta as that of the whole bundle: what a full build would have written. */
export function wholeHeader({
  base: _base,
  absent: _absent,
  blobs: _blobs,
  entries: _entries,
  ...header
}: BundleJson): BundleHeader {
  return header;
}

/**
 * bundle.json of several bundles together: releases, images, charts and what was left out of all of them. Of several installer images the
 * first stays. Throws NAME_COLLISION (one release twice, one reference or chart with two contents), USAGE_INVALID (proven for nothing
 * in common).
 */
export function uniteHeaders(all: readonly NamedJson[], metadata: MergedName, tool: string): BundleHeader {
  const jsons = all.map(({ json }) => json);
  const installer = jsons.find((json) => json.installer !== undefined)?.installer;
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'BundleJson',
    tool,
    metadata,
    target: commonTarget(all),
    releases: uniteReleases(all),
    images: uniteImages(all, installer),
    gated: jsons.flatMap(({ gated }) => gated),
    charts: uniteCharts(all),
    ...(installer === undefined ? {} : { installer }),
    ignore: [...new Set(jsons.flatMap(({ ignore }) => ignore))],
  };
}

function commonTarget(all: readonly NamedJson[]): BundleJson['target'] {
  const [first, ...others] = all.map(({ json }) => json.target);
  if (first === undefined) throw new Error('nothing to merge');
  const common = <T>(of: (target: BundleJson['target']) => readonly T[]) =>
    of(first).filter((item) => others.every((other) => of(other).includes(item)));
  const kubernetes = common((target) => target.kubernetes);
  const platforms = common((target) => target.platforms);
  const alike = others.every(({ helm }) => helm === first.helm);
  if (kubernetes.length > 0 && platforms.length > 0 && alike) return { kubernetes, platforms, helm: first.helm };
  const lines = all.map(({ path, json: { target } }) => {
    return `${path}: Kubernetes ${target.kubernetes.join(', ')}, ${target.platforms.join(', ')}, helm ${target.helm}`;
  });
  throw new BundleError('USAGE_INVALID', ['these bundles are proven for nothing in common:', ...lines].join('\n  '), {
    hint: 'build them for one target',
  });
}

function uniteReleases(all: readonly NamedJson[]): BundleJson['releases'] {
  const owners = new Map<string, string>();
  return all.flatMap(({ path, json }) => {
    for (const { name } of json.releases) {
      const owner = owners.get(name);
      if (owner !== undefined) throw collision(`release ${name} is in ${owner} and in ${path}`);
      owners.set(name, path);
    }
    return json.releases;
  });
}

interface OwnedImage {
  readonly path: string;
  readonly image: LockedImage;
}

function refuseDifferent(one: OwnedImage, other: OwnedImage): void {
  const { reference, digest } = one.image;
  const fix = 'build one of them anew, so that both have the same image, or pin it';
  if (digest !== other.image.digest) {
    throw collision(`${reference} is ${digest} in ${one.path} and ${other.image.digest} in ${other.path}`, fix);
  }
  // One index, of which only one of the two has every platform.
  if ((one.image.mode === 'sparse') === (other.image.mode === 'sparse')) return;
  throw collision(`${reference} is ${one.image.mode} in ${one.path} and ${other.image.mode} in ${other.path}`, fix);
}

function uniteImages(all: readonly NamedJson[], installer: string | undefined): LockedImage[] {
  const images = new Map<string, OwnedImage>();
  for (const { path, json } of all) {
    for (const image of json.images) {
      if (image.class === 'installer' && image.reference !== installer) continue;
      const known = images.get(image.reference);
      if (known !== undefined) refuseDifferent(known, { path, image });
      images.set(image.reference, { path, image: known === undefined ? image : uniteImage(known.image, image) });
    }
  }
  return [...images.values()].map(({ image }) => image).sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

const strongest: readonly ImageClass[] = ['used', 'hard-coded', 'gated', 'extra', 'installer'];

function uniteImage(one: LockedImage, other: LockedImage): LockedImage {
  const found = strongest.find((candidate) => [one.class, other.class].includes(candidate)) ?? one.class;
  const key = ({ subject, digest, tag = '' }: LockedAttached) => `${subject} ${digest} ${tag}`;
  const known = new Set(one.attached?.map(key));
  const attached = [...(one.attached ?? []), ...(other.attached ?? []).filter((artifact) => !known.has(key(artifact)))];
  return {
    ...one,
    class: found,
    gates: found === 'gated' ? [...new Set([...one.gates, ...other.gates])] : [],
    valuesPaths: [...one.valuesPaths, ...other.valuesPaths],
    places: [...one.places, ...other.places],
    ...(attached.length > 0 && { attached }),
  };
}

function uniteCharts(all: readonly NamedJson[]): BundleJson['charts'] {
  const charts = new Map<string, BundleJson['charts'][number]>();
  for (const chart of all.flatMap(({ json }) => json.charts)) {
    const name = `${chart.name} ${chart.version}`;
    const known = charts.get(name);
    if (known !== undefined && known.manifest !== chart.manifest) {
      throw collision(`chart ${name} has two contents`, 'both would have one name in the registry; change one version');
    }
    charts.set(name, chart);
  }
  return [...charts.values()];
}

function collision(what: string, hint = 'they cannot be one bundle; give only one of them'): BundleError {
  return new BundleError('NAME_COLLISION', what, { hint });
}
