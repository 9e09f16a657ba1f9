import type { Extent } from '../extent.ts';

/** What a thread can be asked to do. Everything here crosses between threads by structured clone. */
export type Task =
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
