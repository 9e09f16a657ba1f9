import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** A bad connection between two TCP programs. */
export interface LinkOptions {
  /** `host:port` of the far end. */
  readonly to: string;
  /** Added to every round trip. Default 0. */
  readonly roundTripMs?: number;
  /** Of both directions together, in bytes a second. Default: as fast as it goes. */
  readonly rate?: number;
  /** All connections are reset so often. Default: never. */
  readonly cutEveryMs?: number;
}

/** The near end, and what came through so far. */
export interface Link {
  readonly host: string;
  /** Bytes given to the near end (what was pulled) and to the far end (what was pushed), heads of HTTP included. */
  readonly delivered: { pulled: number; pushed: number };
  readonly cuts: () => number;
  /** Requests that carried a part of a blob. */
  readonly patches: () => number;
}

/** Bytes on their way in one direction: more wait in the sender's socket. */
const window = 256 << 10;

/** Opens a link that is gone when the test ends. */
export async function openLink(t: TestContext, options: LinkOptions): Promise<Link> {
  const [address = '', port] = options.to.split(':');
  const delivered = { pulled: 0, pushed: 0 };
  let patches = 0;
  const sockets = new Set<Socket>();
  const meter = new Meter(options.rate);
  const countPulled = ({ length }: Buffer): void => {
    delivered.pulled += length;
  };
  const countPushed = (chunk: Buffer): void => {
    delivered.pushed += chunk.length;
    if (chunk.toString('latin1', 0, 6) === 'PATCH ') patches += 1;
  };
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: address, port: Number(port), noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        for (const other of [near, far]) other.destroy();
      });
    }
    const delayMs = (options.roundTripMs ?? 0) / 2;
    carry(near, far, { delayMs, meter, count: countPushed });
    carry(far, near, { delayMs, meter, count: countPulled });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: nearPort } = server.address() as AddressInfo;
  let cuts = 0;
  const cut = () => {
    if (sockets.size > 0) cuts += 1;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const timer = options.cutEveryMs === undefined ? undefined : setInterval(cut, options.cutEveryMs);
  t.after(async () => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: `127.0.0.1:${nearPort}`, delivered, cuts: () => cuts, patches: () => patches };
}

interface Lane {
  readonly delayMs: number;
  readonly meter: Meter;
  readonly count: (chunk: Buffer) => void;
}

/** Gives every chunk on after the delay, in its order, no faster than the meter lets it. */
function carry(from: Socket, to: Socket, { delayMs, meter, count }: Lane): void {
  let underway = 0;
  let last: Promise<void> = Promise.resolve();
  const deliver = async (chunk: Buffer, dueAt: number): Promise<void> => {
    await meter.pass(chunk.length);
    const restMs = dueAt - performance.now();
    if (restMs > 0) await sleep(restMs);
    if (to.destroyed) return;
    count(chunk);
    if (!to.write(chunk)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
    underway -= chunk.length;
    if (underway < window) from.resume();
  };
  from.on('data', (chunk: Buffer) => {
    underway += chunk.length;
    if (underway >= window) from.pause();
    const dueAt = performance.now() + delayMs;
    last = last.then(() => deliver(chunk, dueAt));
  });
  from.on('end', () => {
    last = last.then(async () => {
      await sleep(delayMs);
      to.end();
    });
  });
}

/** One for all connections of a link, as a cable is. */
class Meter {
  readonly #rate: number | undefined;
  #freeAt = 0;

  constructor(rate: number | undefined) {
    this.#rate = rate;
  }

  async pass(bytes: number): Promise<void> {
    if (this.#rate === undefined) return;
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / this.#rate) * 1e3;
    await sleep(this.#freeAt - now);
  }
}
