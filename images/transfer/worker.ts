/** A transfer thread: does tasks side by side, each on files or sockets of its own, and reads and writes files synchronously. */
import { parentPort } from 'node:worker_threads';
import { BlobState } from './blob-state.ts';
import { Connections } from './connections.ts';
import { copyExtents, hashEach, hashExtents } from './disk-tasks.ts';
import { getBlob } from './get-blob.ts';
import { type BlobPlan, type BlobProgress, failureOf, type GetResult, type Reply, type Request, type Task } from './messages.ts';

/** Bytes that are told in one message. */
const reportSize = 4 << 20;

const running = new Map<number, AbortController>();
const blobs = new Map<number, BlobState>();
const connections = new Connections();

const send = (reply: Reply): void => parentPort?.postMessage(reply);

parentPort?.on('message', (request: Request) => {
  if ('abort' in request) running.get(request.abort)?.abort();
  else void answer(request.id, request.task);
});

async function answer(id: number, task: Task): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  const { onBytes, flush } = reporter(id);
  try {
    const value = await perform(task, { signal: controller.signal, onBytes });
    flush();
    send({ id, value });
  } catch (error) {
    flush();
    send({ id, failure: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

interface WorkOptions {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

async function perform(task: Task, options: WorkOptions): Promise<unknown> {
  switch (task.do) {
    case 'hash':
      return hashExtents(task.extents, options);
    case 'hashEach':
      return hashEach(task.ranges, options);
    case 'copy':
      return copyExtents(task.extents, task.places, options);
    case 'get':
      return get(task, options);
    case 'keep':
      return progressOf(task.blob, (blob) => blob.keep(task.kept, options));
    case 'take':
      options.onBytes(task.bytes.length);
      return progressOf(task.blob, (blob) => blob.take(bufferOf(task.bytes)));
    case 'forget':
      return void blobs.delete(task.blob);
    default:
      throw task satisfies never;
  }
}

async function get({ blob: plan, request }: Extract<Task, { do: 'get' }>, options: WorkOptions): Promise<GetResult> {
  const result = await getBlob(stateOf(plan), request, { ...options, connections });
  if (result.kind === 'taken') dropWhole(plan, result.progress);
  return result;
}

async function progressOf(plan: BlobPlan, act: (blob: BlobState) => void | Promise<void>): Promise<BlobProgress> {
  const blob = stateOf(plan);
  await act(blob);
  const { progress } = blob;
  dropWhole(plan, progress);
  return progress;
}

function stateOf(plan: BlobPlan): BlobState {
  const state = blobs.get(plan.id) ?? new BlobState(plan);
  if (state.received !== plan.received) throw new Error('a transfer thread was lost, and with it what it knew of a blob');
  blobs.set(plan.id, state);
  return state;
}

/** Structured clone makes a plain array of a Buffer. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function dropWhole({ id }: BlobPlan, { digest }: BlobProgress): void {
  if (digest !== undefined) blobs.delete(id);
}

/** Gathers what is told, so that messages stay few. */
function reporter(id: number): { readonly onBytes: (bytes: number) => void; readonly flush: () => void } {
  let untold = 0;
  const flush = (): void => {
    if (untold > 0) send({ id, bytes: untold });
    untold = 0;
  };
  const onBytes = (bytes: number): void => {
    untold += bytes;
    if (untold >= reportSize) flush();
  };
  return { onBytes, flush };
}
