import type { Digest } from '../bundle-spec/names.ts';

/** An OCI content descriptor (image-spec, descriptor.md). Fields that we neither read nor write are kept as they came. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly urls?: readonly string[];
  /** What kind of artifact the manifest is, in lists of referrers. */
  readonly artifactType?: string;
}

/** A document at hand: `bytes` are exactly those that `descriptor` names. */
export interface HeldDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}
