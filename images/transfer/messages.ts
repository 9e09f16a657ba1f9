import type { Digest } from '../../bundle-spec/names.ts';
import type { Extent } from '../extent.ts';

/** Where requests go, and with what. */
export interface Origin {
  readonly host: string;
  readonly port: number;
  /** Speak TLS, with these (PEM) besides the roots that everybody trusts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** A blob that a thread is to bring. What the thread knows of it goes by its id, from the first task that has it until it is whole or forgotten. */
export interface BlobPlan {
  readonly id: number;
  readonly size: number;
  readonly places: readonly (readonly Extent[])[];
  /** How far it is. */
  readonly received: number;
}

/** One GET. */
export interface GetRequest {
  readonly origin: Origin;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectMs: number;
  /** Until the answer begins. */
  readonly headersMs: number;
  /** Silence within a body. */
  readonly stallMs: number;
}

/**
 * What came of a GET. `taken`: the body is the blob, as far as it came; `lost` says what ended it
 * early, `disk` why it could not be written. `answer`: it is none (an error, a
 * redirect, a range that was not asked for); the body is here, up to 64 KiB. `foreign`: a blob perhaps, but sent in a way that is not understood here.
 */
export type GetResult =
  | {
      readonly kind: 'taken';
      readonly status: number;
      readonly progress: BlobProgress;
      readonly lost?: Failure;
      readonly disk?: Failure;
    }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[]>>;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'foreign' };

export interface BlobProgress {
  /** Bytes that are written, and of which no one has to be asked for again. */
  readonly received: number;
  /** Of the whole blob, when it is whole; the thread has then forgotten it. */
  readonly digest?: Digest;
}

/** What a thread can be asked to do. Everything here crosses between threads by structured clone. */
export type Task =
  | { readonly do: 'get'; readonly blob: BlobPlan; readonly request: GetRequest }
  /** Takes the first bytes of the blob from its first place. */
  | { readonly do: 'keep'; readonly blob: BlobPlan; readonly kept: number }
  /** Takes the next bytes of the blob, which came another way. */
  | { readonly do: 'take'; readonly blob: BlobPlan; readonly bytes: Uint8Array }
  | { readonly do: 'forget'; readonly blob: number }
  | { readonly do: 'hash'; readonly extents: readonly Extent[] }
  | { readonly do: 'hashEach'; readonly ranges: readonly (readonly Extent[])[] }
  | { readonly do: 'copy'; readonly extents: readonly Extent[]; readonly places: readonly (readonly Extent[])[] };

/** The code of the error for a file that ends before an extent of it. */
export const endsEarly = 'ENDS_EARLY';

/** To a thread. Every request is answered once, also after `abort`: until then the thread may still write. */
export type Request = { readonly id: number; readonly task: Task } | { readonly abort: number };

/** From a thread: bytes of a task that were newly dealt with, or its end. */
export type Reply =
  | { readonly id: number; readonly bytes: number }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/** An error, as a thread tells it: by structured clone alone it would lose its code. */
export interface Failure {
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  /** Of a failed system call; tells an error of a disk from one of a socket. */
  readonly syscall?: string;
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message, stack, code, syscall }: Error & { code?: unknown; syscall?: unknown } = error;
  return {
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof syscall === 'string' ? { syscall } : {}),
  };
}

/** The error again, on the other side. */
export function errorFrom({ message, ...properties }: Failure): Error {
  return Object.assign(new Error(message), properties);
}
