import type { RegistryClient } from './registry-client.ts';

/** How a host takes a blob: in the closing PUT, in one PATCH before it (older Artifactory), or in several (proxies with a limit). */
export type UploadStyle = 'put' | 'patch' | 'chunks';

/** Bytes of a body that a proxy before a registry may take: tried one after the other, once a larger one was refused. */
const limits = [64 << 20, 16 << 20, 4 << 20, 1 << 20, 512 << 10];

/** More in one PATCH brings nothing, and pulp holds each in memory (pulp_container#2219). */
const largestChunk = 64 << 20;
/** While nothing is known of the link. */
const firstChunk = 4 << 20;
const smallestChunk = 1 << 20;

/** A chunk takes about this long: all that a cut link may cost where a registry drops what it had of one. */
const chunkMs = 800;

/** Blobs beyond this size go up in chunks where the host can continue, so that no cut loses more than one. */
const worthChunks = 64 << 20;

/** Services that take chunks and lose them, or know none: ECR drops all but the first (containers-roadmap#2831), Google knows none. */
const withoutChunks = /(^|\.)(dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?|public\.ecr\.aws|gcr\.io|pkg\.dev)$/;

const known = new WeakMap<RegistryClient, UploadHabits>();

export function habitsOf(client: RegistryClient): UploadHabits {
  const habits = known.get(client) ?? new UploadHabits(client.host);
  known.set(client, habits);
  return habits;
}

/** What a host has shown of how it takes uploads; it holds for all further ones. */
export class UploadHabits {
  #style: UploadStyle = 'put';
  #takesChunks: boolean;
  /** Bytes of a body that a proxy lets pass. */
  #bodyLimit = Number.POSITIVE_INFINITY;
  /** Bytes of a PATCH with a Content-Range. */
  #chunkLimit = Number.POSITIVE_INFINITY;
  /** Bytes a second of one connection. */
  #rate: number | undefined;
  /** Whether an upload that broke off goes on where it was: proven, disproven, or not asked yet. */
  resumes: boolean | undefined;
  /** The question is being asked. */
  proving: Promise<boolean> | undefined;
  /** Connections to it have broken under an upload. */
  cut = false;
  /** `OCI-Chunk-Min-Length`. */
  chunkMin = 0;

  #turn: Promise<void> = Promise.resolve();

  constructor(host: string) {
    this.#takesChunks = !withoutChunks.test(host.replace(/:\d+$/, ''));
    if (!this.#takesChunks) this.resumes = false;
  }

  /** False where chunks get lost or are refused. */
  get takesChunks(): boolean {
    return this.#takesChunks;
  }

  /** How to send `size` bytes that nothing was sent of yet. */
  styleFor(size: number): UploadStyle {
    if (this.#style === 'chunks' || size > this.#bodyLimit) return 'chunks';
    if (this.resumes !== true) return this.#style;
    const beyond = this.cut ? this.chunkSize() : Number.isFinite(this.#chunkLimit) ? Number.POSITIVE_INFINITY : worthChunks;
    return size > beyond ? 'chunks' : this.#style;
  }

  /** Whether it is worth finding out, before they are sent, if the host can continue so many bytes. */
  shouldProve(size: number): boolean {
    return this.resumes === undefined && size > worthChunks;
  }

  chunkSize(): number {
    const byTime = this.#rate === undefined ? firstChunk : (this.#rate * chunkMs) / 1000;
    const wanted = Math.max(this.chunkMin, smallestChunk, Math.min(largestChunk, Math.floor(byTime)));
    return Math.min(wanted, this.#chunkLimit, this.#bodyLimit);
  }

  /**
   * Waits until bytes may be sent, and gives what ends that. Where a cut costs the whole blob, one alone has the whole link: it is the
   * likeliest to get through before the next cut. Elsewhere nobody waits.
   */
  async turn(): Promise<() => void> {
    let end: () => void = () => undefined;
    if (!this.cut || this.resumes !== false) return end;
    const before = this.#turn;
    this.#turn = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    return end;
  }

  /** To be told how long a body took, the answer included. */
  measured(bytes: number, ms: number): void {
    if (bytes < smallestChunk) return;
    const rate = (bytes / Math.max(1, ms)) * 1000;
    this.#rate = this.#rate === undefined ? rate : (this.#rate + rate) / 2;
  }

  /** A body of so many bytes was too large (413). False when nothing smaller is left to try. */
  refusedBody(bytes: number): boolean {
    const next = limits.find((limit) => limit < bytes);
    if (next === undefined || next < this.chunkMin || !this.#takesChunks) return false;
    this.#bodyLimit = Math.min(next, this.#bodyLimit);
    return true;
  }

  /** A chunk of so many bytes was too large (416); `largest` is what the host named. False when that is no help. */
  refusedChunk(bytes: number, largest: number): boolean {
    if (largest >= bytes || largest < this.chunkMin || !this.#takesChunks) return false;
    this.#chunkLimit = Math.min(largest, this.#chunkLimit);
    return true;
  }

  /** `style` was refused: the next one down the ladder. False at its end. */
  descend(style: UploadStyle): boolean {
    if (style === 'chunks') {
      const byChoice = this.#style !== 'chunks' && this.#bodyLimit === Number.POSITIVE_INFINITY && this.#takesChunks;
      if (byChoice) this.losesChunks();
      return byChoice;
    }
    if (style !== this.#style) return true;
    if (style === 'patch' && !this.#takesChunks) return false;
    this.#style = style === 'put' ? 'patch' : 'chunks';
    return true;
  }

  /** Chunks got lost. From now on blobs go up whole. */
  losesChunks(): void {
    this.#takesChunks = false;
    this.resumes = false;
    this.#bodyLimit = Number.POSITIVE_INFINITY;
    if (this.#style === 'chunks') this.#style = 'patch';
  }
}
