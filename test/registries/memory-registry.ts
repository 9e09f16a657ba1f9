import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type AuthScheme, MemoryAuth, type User } from './memory-auth.ts';
import { answerTo } from './memory-protocol.ts';
import { MemoryStore } from './memory-store.ts';
import { sendReply } from './reply.ts';

export interface MemoryOptions {
  readonly tls?: boolean;
  /** File in `certificates/`. Default `server.pem`. */
  readonly certificate?: string;
  /** Clients must show `client.pem`. */
  readonly knownClients?: boolean;
  readonly user?: User;
  /** Default `basic`. */
  readonly scheme?: AuthScheme;
  readonly intercept?: Intercept;
}

/** Sees every request first; true when it answered (or broke) it. What it does to the body of one that it lets pass is lost. */
export type Intercept = (
  request: IncomingMessage,
  response: ServerResponse,
  registry: MemoryRegistry,
) => boolean | Promise<boolean>;

/** A request as it arrived, for tests that look at what goes over the wire. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export interface MemoryRegistry {
  readonly host: string;
  readonly origin: string;
  readonly ca?: string;
  readonly store: MemoryStore;
  readonly auth: MemoryAuth;
  readonly requests: SeenRequest[];
  stop(): Promise<void>;
}

const certificates = join(import.meta.dirname, 'certificates');

/** A registry in this process that speaks the distribution spec: pull with ranges, push in one or several pieces, mount, tags, auth. */
export async function startMemoryRegistry(options: MemoryOptions = {}): Promise<MemoryRegistry> {
  const store = new MemoryStore();
  const requests: SeenRequest[] = [];
  const auth = new MemoryAuth(options.user, options.scheme ?? 'basic');
  let origin = '';
  let registry: MemoryRegistry;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = request;
    requests.push({ method, url, headers });
    if (await options.intercept?.(request, response, registry)) return;
    const refusal = auth.refusal(request, origin);
    sendReply(request, response, refusal ?? (await answerTo(store, request, new URL(url, origin))));
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch(() => response.destroy()); // the client went away in the middle
  };
  const server = options.tls ? createTlsServer(tlsFiles(options), listener) : createServer(listener);
  server.requestTimeout = 0;
  const port = await listen(server);
  const host = `127.0.0.1:${port}`;
  origin = `${options.tls ? 'https' : 'http'}://${host}`;
  registry = {
    host,
    origin,
    ...(options.tls ? { ca: readFileSync(join(certificates, 'ca.pem'), 'utf8') } : {}),
    store,
    auth,
    requests,
    stop: () => stopServer(server),
  };
  return registry;
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export async function stopServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function tlsFiles({ certificate = 'server.pem', knownClients = false }: MemoryOptions): ServerOptions {
  const read = (name: string): Buffer => readFileSync(join(certificates, name));
  const clients = { requestCert: true, rejectUnauthorized: true, ca: read('client.pem') };
  return { cert: read(certificate), key: read('server-key.pem'), ...(knownClients ? clients : {}) };
}
