import type { Digest } from '../../bundle-spec/names.ts';
import type { FileSink, Identity } from '../blob-source.ts';
import {
  type BlobPlan,
  type BlobProgress,
  endsEarly,
  errorFrom,
  type GetRequest,
  type GetResult,
  type Task,
} from '../transfer/messages.ts';
import type { TransferThread } from '../transfer/thread.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { checkSize, type Intake } from './blob-intake.ts';
import { isProxied } from './proxy.ts';
import type { RegistryAccess } from './registry-access.ts';
import { ownTls } from './registry-dispatcher.ts';
import { type Answer, type Exchange, heldBody, type Timeouts, type Transport } from './registry-transport.ts';

/** How one registry's blobs come by threads. */
export interface ThreadRoute {
  readonly transfers: Transfers;
  readonly access: RegistryAccess;
  readonly timeouts: Timeouts;
}

/** What another way than the thread's own brings is handed over in pieces of this size, in bytes. */
const pieceSize = 1 << 20;

let lastId = 0;

/** An intake in a transfer thread, which asks for the blob by itself: see `through`. Bytes that come another way are handed to it. */
export class ThreadIntake implements Intake {
  readonly #route: ThreadRoute;
  readonly #expected: Identity;
  readonly #sink: FileSink;
  readonly #from: string;
  readonly #signal: AbortSignal;
  #thread: TransferThread | undefined;
  #plan: BlobPlan;
  #digest: Digest | undefined;
  #piece: Buffer[] = [];
  #pieceLength = 0;
  #frontier = 0;

  constructor(route: ThreadRoute, expected: Identity, sink: FileSink, from: string, signal: AbortSignal) {
    this.#route = route;
    this.#expected = expected;
    this.#sink = sink;
    this.#from = from;
    this.#signal = signal;
    this.#plan = newPlan(expected, sink);
  }

  get received(): number {
    return this.#plan.received + this.#pieceLength;
  }

  /** Takes over what an earlier run left at the start of the first place. A file that has less of it counts for nothing. */
  async keep(): Promise<void> {
    const kept = Math.min(this.#sink.kept ?? 0, this.#expected.size);
    if (kept === 0) return;
    try {
      this.#advance((await this.#run({ do: 'keep', blob: this.#plan, kept })) as BlobProgress);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === endsEarly)) throw error;
      await this.restart();
    }
  }

  /** Sends GETs from the thread, so that a blob goes from its socket to its places. What the thread cannot do goes by `usual`. */
  through(usual: Transport): Transport {
    return {
      send: async (exchange) => {
        if (isProxied(exchange.url)) return usual.send(exchange);
        await this.#flush();
        const task: Task = { do: 'get', blob: this.#plan, request: requestOf(exchange, this.#route) };
        const result = (await this.#run(task, this.#tell)) as GetResult;
        if (result.kind === 'taken') this.#advance(result.progress);
        return result.kind === 'foreign' ? usual.send(exchange) : answerOf(result, exchange.url);
      },
      close: () => usual.close(),
    };
  }

  async take(chunk: Buffer): Promise<void> {
    checkSize(this.received + chunk.length, this.#expected, this.#from);
    this.#piece.push(chunk);
    this.#pieceLength += chunk.length;
    if (this.#pieceLength >= pieceSize) await this.#flush();
  }

  async restart(): Promise<void> {
    await this.settled();
    this.#plan = newPlan(this.#expected, this.#sink);
    this.#digest = undefined;
    this.#piece = [];
    this.#pieceLength = 0;
    this.#frontier = 0;
  }

  async finish(): Promise<Digest> {
    // Also of a blob without bytes, which nobody had to be asked for.
    if (this.#digest === undefined) await this.#hand();
    if (this.#digest === undefined) throw new Error('the digest of a blob was asked for before it was whole');
    return this.#digest;
  }

  async settled(): Promise<void> {
    if (this.#digest !== undefined || this.#thread === undefined) return;
    // Also after an abort the thread must be told.
    const always = new AbortController().signal;
    await this.#thread.run({ do: 'forget', blob: this.#plan.id }, { signal: always }).catch(() => undefined);
  }

  async #flush(): Promise<void> {
    if (this.#pieceLength > 0) await this.#hand();
  }

  async #hand(): Promise<void> {
    const bytes = Buffer.concat(this.#piece);
    this.#piece = [];
    this.#pieceLength = 0;
    this.#advance((await this.#run({ do: 'take', blob: this.#plan, bytes }, this.#tell)) as BlobProgress);
  }

  #advance({ received, digest }: BlobProgress): void {
    this.#plan = { ...this.#plan, received };
    this.#digest = digest;
    this.#frontier = received;
    this.#sink.onFrontier?.(received);
  }

  readonly #tell = (bytes: number): void => {
    this.#sink.onBytes?.(bytes);
    this.#frontier += bytes;
    this.#sink.onFrontier?.(this.#frontier);
  };

  #run(task: Task, onBytes?: FileSink['onBytes']): Promise<unknown> {
    this.#thread ??= this.#route.transfers.idlest();
    return this.#thread.run(task, { signal: this.#signal, ...(onBytes === undefined ? {} : { onBytes }) });
  }
}

function newPlan({ size }: Identity, { places }: FileSink): BlobPlan {
  lastId += 1;
  return { id: lastId, size, places, received: 0 };
}

function requestOf({ url, headers, headersTimeoutMs }: Exchange, { access, timeouts }: ThreadRoute): GetRequest {
  const { connectMs = 10_000, stallMs = 30_000 } = timeouts;
  const secure = url.protocol === 'https:';
  return {
    origin: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (secure ? 443 : 80)),
      ...(secure ? { tls: ownTls(access, url) } : {}),
    },
    path: `${url.pathname}${url.search}`,
    headers: { 'user-agent': 'diolkos', ...headers },
    connectMs,
    headersMs: headersTimeoutMs ?? timeouts.headersMs ?? 60_000,
    stallMs,
  };
}

function answerOf(result: Exclude<GetResult, { kind: 'foreign' }>, url: URL): Answer {
  const { status } = result;
  if (result.kind === 'answer') return { status, headers: result.headers, body: heldBody(result.body), url };
  const { lost, disk } = result;
  const delivered = {
    ...(lost === undefined ? {} : { lost: errorFrom(lost) }),
    ...(disk === undefined ? {} : { disk: errorFrom(disk) }),
  };
  return { status, headers: {}, body: heldBody(new Uint8Array()), url, delivered };
}
