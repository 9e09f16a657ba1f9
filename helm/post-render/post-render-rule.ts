/** A pod, by the object that holds its template. */
export interface PodOwner {
  readonly kind: string;
  /** `*` at the end stands for what is new in each render. */
  readonly name: string;
  /** Absent where the chart leaves it to the release. */
  readonly namespace?: string;
}

/** What the post-renderer changes in a stream of manifests. It travels as JSON, and holds nothing but names. */
export interface PostRender {
  /** References as the chart writes them, and what takes their place, wherever they stand: `redis:7` -> `registry.internal/docker.io/library/redis:7`. */
  readonly images: Readonly<Record<string, string>>;
  /** The pods that get `imagePullSecrets` with this Secret. Absent where values bring it, or where no site wants one. */
  readonly pullSecret?: { readonly name: string; readonly pods: readonly PodOwner[] };
  /** Helm 3 keeps hooks to itself: `false` leaves them as they are. */
  readonly hooks: boolean;
}

/** True when there is nothing to change, so that helm needs no post-renderer. */
export function isEmptyRule({ images, pullSecret }: PostRender): boolean {
  return Object.keys(images).length === 0 && (pullSecret?.pods.length ?? 0) === 0;
}

/** Environment variable with the path of the file in which the post-renderer finds its rule. */
export const ruleVariable = 'DIOLKOS_POST_RENDER';

/** Where the post-renderer leaves the reason why it failed, for a rule in `file`. */
export function failureFile(file: string): string {
  return `${file}.failure`;
}
