/** The images that are carried: made up, with the sizes, sharing and media types that applications of this kind have. */

import type { Platform } from '../bundle-spec/names.ts';

/** One image of the set. Sizes are in MB of packed bytes, before `--scale`. */
export interface BenchImage {
  readonly repository: string;
  readonly tag: string;
  /** Docker's media types instead of OCI's. */
  readonly docker: boolean;
  /** One platform: a plain manifest. Two: an index. */
  readonly platforms: readonly Platform[];
  /** Each platform comes with an attestation, as buildkit adds them. */
  readonly attested: boolean;
  /** Whose layers lie below its own. */
  readonly base: keyof typeof bases;
  /** Layers in gzip that does not shrink. */
  readonly layers: readonly number[];
  /** Layers without compression, of text that would compress. */
  readonly plainLayers: readonly number[];
}

/** A layer before it has bytes. The same name gives the same bytes on every machine. */
export interface BenchLayer {
  readonly name: string;
  readonly size: number;
  readonly plain: boolean;
}

/** Layers that several images share. */
const bases = {
  alpine: [3.6],
  debian: [30, 8],
  java: [30, 8, 47, 19],
} as const;

/** The name that the images have in charts; nothing resolves it. */
export const imageHost = 'registry.bench.test';

const small: readonly BenchImage[] = [
  index('shop/api', 'java', [38, 5.2, 0.4, 0.02], { attested: true }),
  index('shop/web', 'alpine', [22, 6, 0.3], { docker: true }),
  index('platform/operator', 'alpine', [31, 0.8, 0.05], { attested: true }),
  index('cache/redis', 'debian', [18, 3, 0.2, 0.004], { docker: true }),
  index('queue/nats', 'alpine', [16, 0.9]),
  index('jobs/migrate', 'java', [40, 3.5, 0.6], { docker: true }),
  single('db/postgres', 'debian', [92, 14, 5, 2, 0.7, 0.03], { docker: true }),
  single('ml/model', 'debian', [260, 11, 3, 0.5, 0.1, 0.02], { plainLayers: [64] }),
  single('monitoring/prometheus', 'alpine', [44, 1.2, 0.4, 0.05, 0.01, 0.002], { plainLayers: [21] }),
  single('proxy/envoy', 'debian', [33, 4, 0.9, 0.2, 0.03, 0.006], { docker: true }),
  single('auth/keycloak', 'java', [27, 2.4, 0.5, 0.08, 0.02, 0.004, 0.001]),
  single('tools/backup', 'alpine', [12, 1.1, 0.3, 0.05, 0.008, 0.002], { docker: true }),
];

/** What images for one platform have more in the large set: a few large layers beside many small ones. In MB. */
const heavy: Readonly<Record<string, readonly number[]>> = {
  'db/postgres': [1200, 600],
  'ml/model': [1500, 750],
  'monitoring/prometheus': [1000],
  'proxy/envoy': [900],
  'auth/keycloak': [700],
  'tools/backup': [550],
};

/** 0.05 to 0.5 MB. */
const crumbs: readonly number[] = Array.from({ length: 15 }, (_, index) => 0.05 + index * 0.03);

/** `small`: 113 blobs, 1.2 GB, the largest 260 MB. `large`: the same images, 211 blobs, 8.4 GB, the largest 1.5 GB. */
export const imageSets = {
  small,
  large: small.map((image) => {
    const more = heavy[image.repository];
    return more === undefined ? image : { ...image, layers: [...image.layers, ...more, ...crumbs] };
  }),
} as const satisfies Readonly<Record<string, readonly BenchImage[]>>;

export type SetName = keyof typeof imageSets;

/** The layers of an image for one of its platforms, the lowest first. Sizes in bytes. */
export function layersOf(image: BenchImage, platform: Platform, scale: number): BenchLayer[] {
  const layer = (name: string, plain: boolean) => (megabytes: number, position: number) => ({
    name: `${name}/${platform}/${position}`,
    size: Math.max(1024, Math.round(megabytes * 1e6 * scale)),
    plain,
  });
  // Java's layers lie on debian's, so that the two share those.
  const baseLayers = bases[image.base].map((megabytes, position) =>
    layer(image.base === 'java' && position < bases.debian.length ? 'debian' : image.base, false)(megabytes, position),
  );
  const own = image.layers.map(layer(image.repository, false));
  return [...baseLayers, ...own, ...image.plainLayers.map(layer(`${image.repository}/plain`, true))];
}

type Variation = Partial<Pick<BenchImage, 'docker' | 'attested' | 'plainLayers'>>;

function index(repository: string, base: BenchImage['base'], layers: readonly number[], variation: Variation = {}): BenchImage {
  return { ...single(repository, base, layers, variation), platforms: ['linux/amd64', 'linux/arm64'] };
}

function single(repository: string, base: BenchImage['base'], layers: readonly number[], variation: Variation = {}): BenchImage {
  const plain = { docker: false, attested: false, plainLayers: [], ...variation };
  return { repository, tag: '1.4.2', platforms: ['linux/amd64'], base, layers, ...plain };
}
