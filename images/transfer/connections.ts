import type { Connection } from './connection.ts';
import type { Origin } from './messages.ts';

/** An idle connection older than this is not trusted to be alive: middle boxes forget them. */
const idleMs = 30_000;

/** More idle connections to one origin than this are not kept. */
const mostIdle = 8;

interface Idle {
  readonly connection: Connection;
  readonly sinceMs: number;
}

/** The idle connections of a thread. */
export class Connections {
  readonly #idle = new Map<string, Idle[]>();

  /** One that was used before, or `undefined`. */
  reuse(origin: Origin): Connection | undefined {
    const idle = this.#idle.get(keyOf(origin)) ?? [];
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.connection.isOpen && performance.now() - last.sinceMs < idleMs) return last.connection;
      last.connection.destroy();
    }
    return undefined;
  }

  /** Takes back a connection that is at the beginning of an answer. */
  keep(origin: Origin, connection: Connection): void {
    connection.attach(undefined);
    const key = keyOf(origin);
    const idle = (this.#idle.get(key) ?? []).filter(({ connection: known }) => known.isOpen);
    this.#idle.set(key, idle);
    if (idle.length < mostIdle) idle.push({ connection, sinceMs: performance.now() });
    else connection.destroy();
  }
}

function keyOf({ host, port, tls }: Origin): string {
  return tls === undefined ? `${host}:${port}` : [host, port, tls.ca, tls.cert, tls.key].join('\n');
}
