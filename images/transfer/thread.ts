import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Extent } from '../extent.ts';
import { errorFrom, type Reply, type Request, type Task } from './messages.ts';

export interface TaskOptions {
  readonly signal: AbortSignal;
  /** Told of bytes that were newly dealt with. */
  readonly onBytes?: (bytes: number) => void;
}

interface Running {
  readonly task: Task;
  readonly settle: (reply: Exclude<Reply, { readonly bytes: number }>) => void;
  readonly fail: (error: Error) => void;
  readonly onBytes: TaskOptions['onBytes'];
}

/** The heap of a thread holds next to nothing; without limits V8 would let its garbage grow to dozens of megabytes. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/** One worker thread and what it was asked. It starts with the first task, and keeps the process alive only while it has one. */
export class TransferThread {
  readonly #running = new Map<number, Running>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  /** Tasks under way. */
  get load(): number {
    return this.#running.size;
  }

  /**
   * Resolves with what the task gives, and throws what it throws. After an abort it throws the signal's reason, as soon as the thread
   * has let go of all files of the task. A thread that dies (no memory left, an error that nobody caught)
   * fails its tasks with an error that names each; the next one starts another.
   */
  async run(task: Task, { signal, onBytes }: TaskOptions): Promise<unknown> {
    signal.throwIfAborted();
    const worker = this.#start();
    this.#lastId += 1;
    const id = this.#lastId;
    const abort = () => worker.postMessage({ abort: id } satisfies Request);
    signal.addEventListener('abort', abort);
    worker.ref();
    try {
      const reply = await new Promise<Exclude<Reply, { readonly bytes: number }>>((settle, fail) => {
        this.#running.set(id, { task, settle, fail, onBytes });
        worker.postMessage({ id, task } satisfies Request);
      });
      signal.throwIfAborted();
      if ('failure' in reply) throw errorFrom(reply.failure);
      return reply.value;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#running.delete(id);
      if (this.#running.size === 0) worker.unref();
    }
  }

  /** Ends the thread; tasks under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    if (this.#closed) throw new Error('the transfer threads were ended');
    // The program runs from .ts and from .js.
    const file = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(file, { name: 'transfer', resourceLimits, execArgv: [] });
    worker.on('message', (reply: Reply) => this.#take(reply));
    worker.on('error', (error: Error) => this.#end(worker, error));
    worker.on('exit', (code) => this.#end(worker, new Error(`a transfer thread ended by itself (exit code ${code})`)));
    this.#worker = worker;
    return worker;
  }

  #take(reply: Reply): void {
    const running = this.#running.get(reply.id);
    if ('bytes' in reply) running?.onBytes?.(reply.bytes);
    else running?.settle(reply);
  }

  #end(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { task, fail } of this.#running.values()) {
      const died = new Error(`a transfer thread died during ${nameOf(task)}: ${error.message}`, { cause: error });
      fail(Object.assign(died, { code: 'THREAD_DIED' })); // by its own code: that of a socket would have the request repeated
    }
  }
}

/** A task, to be named in an error. The query of a URL may be a signature. */
function nameOf(task: Task): string {
  const bytes = (extents: readonly Extent[]) => extents.reduce((sum, { size }) => sum + size, 0);
  switch (task.do) {
    case 'get':
      return `the pull of ${task.request.origin.host}:${task.request.origin.port}${task.request.path.replace(/\?.*$/, '')}`;
    case 'keep':
    case 'take':
      return `the pull of a blob of ${task.blob.size} bytes`;
    case 'hash':
      return `the hashing of ${bytes(task.extents)} bytes`;
    case 'hashEach':
      return `the hashing of ${task.ranges.length} ranges`;
    case 'copy':
      return `the copy of ${bytes(task.extents)} bytes`;
    case 'forget':
      return 'the end of a pull';
    default:
      throw task satisfies never;
  }
}
