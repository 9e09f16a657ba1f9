import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { trustedRoots } from '../registry/trusted-roots.ts';
import type { Origin } from './messages.ts';

/** Whoever has a connection. Throws nothing. */
export interface Receiver {
  /** The bytes are only good until it returns. */
  onBytes(bytes: Buffer): void;
  /** Nothing more will come. Without an error: the other side ended in order. */
  onEnd(error: Error | undefined): void;
}

/**
 * Bytes arrive here and are dealt with before the next are read, whatever the socket: one buffer serves all of a thread. Of this size
 * because reads of loopback and fast links fill it, and more brings nothing.
 */
const incoming = Buffer.allocUnsafeSlow(256 << 10);

/** A connection to one origin, for one request at a time. */
export class Connection {
  readonly #socket: Socket;
  readonly opened: Promise<void>;
  #receiver: Receiver | undefined;
  #ended = false;

  constructor(origin: Origin, connectMs: number) {
    const onread = { buffer: incoming, callback: (length, buffer) => this.#take(buffer as Buffer, length) } satisfies OnReadOpts;
    const { host, port } = origin;
    this.#socket = origin.tls === undefined ? connectTcp({ host, port, onread }) : secured(origin, onread);
    this.#socket.setNoDelay(true);
    this.opened = this.#open(origin.tls === undefined ? 'connect' : 'secureConnect', connectMs);
    this.opened.catch(() => undefined); // whoever waits for it gets the error
  }

  /** Can be given to a request. */
  get isOpen(): boolean {
    return !this.#ended;
  }

  /** From now on `receiver` gets what comes. `undefined`: nothing is expected, and what comes ends the connection. */
  attach(receiver: Receiver | undefined): void {
    this.#receiver = receiver;
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Ends it at once; the receiver is not told. */
  destroy(): void {
    this.#ended = true;
    this.#receiver = undefined;
    this.#socket.destroy();
  }

  #take(buffer: Buffer, length: number): boolean {
    if (this.#receiver === undefined) this.destroy();
    else this.#receiver.onBytes(buffer.subarray(0, length));
    return true;
  }

  #open(event: 'connect' | 'secureConnect', connectMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(Object.assign(new Error('no connection within the time for it'), { code: 'UND_ERR_CONNECT_TIMEOUT' }));
        this.destroy();
      }, connectMs);
      this.#socket.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
      const end = (error?: Error): void => {
        clearTimeout(timer);
        reject(error ?? lost());
        this.#end(error);
      };
      this.#socket.on('error', end);
      this.#socket.on('end', () => end());
      this.#socket.on('close', () => end());
    });
  }

  #end(error: Error | undefined): void {
    const receiver = this.#receiver;
    this.destroy();
    receiver?.onEnd(error);
  }
}

/** The error of a connection that was ended too early. */
export function lost(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'UND_ERR_SOCKET' });
}

/** By what they are made of. Parsing all roots takes 10 ms and some megabytes. */
const contexts = new Map<string, SecureContext>();

/** Of the last connection to an origin, so that the next one begins with half the work. */
const sessions = new Map<string, Buffer>();

function secured({ host, port, tls = {} }: Origin, onread: OnReadOpts): Socket {
  const key = [tls.ca, tls.cert, tls.key].join('\n');
  const secureContext = contexts.get(key) ?? createSecureContext({ ...tls, ca: [...trustedRoots(tls.ca)] });
  contexts.set(key, secureContext);
  const origin = `${host}:${port}\n${key}`;
  const session = sessions.get(origin);
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const options = { host, port, secureContext, ALPNProtocols: ['http/1.1'], ...servername, ...(session && { session }) };
  // @types/node leaves `onread` out of the options of TLS; Node hands them to the socket below.
  const withBuffer: ConnectionOptions & { readonly onread: OnReadOpts } = { ...options, onread };
  const socket = connectTls(withBuffer);
  socket.on('session', (fresh) => sessions.set(origin, fresh));
  return socket;
}
