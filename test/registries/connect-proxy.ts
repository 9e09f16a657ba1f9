import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { User } from './memory-auth.ts';
import { listen, stopServer } from './memory-registry.ts';

export interface ConnectProxy {
  /** `host:port` of the proxy. */
  readonly host: string;
  /** `CONNECT host:port` and `GET http://…` of every request, in order. */
  readonly seen: string[];
  /** From now on every name without a port leads to this one. */
  leadTo(port: number): void;
  stop(): Promise<void>;
}

/** An HTTP proxy: tunnels CONNECT, forwards the rest. Whatever the name that is asked for, it leads to this machine. */
export async function startConnectProxy(
  options: { readonly user?: User; readonly refusal?: number } = {},
): Promise<ConnectProxy> {
  const seen: string[] = [];
  const sockets = new Set<Duplex>();
  let fallback: number | undefined;
  const refusalOf = ({ headers }: IncomingMessage): number | undefined => {
    if (options.refusal !== undefined) return options.refusal;
    const { user } = options;
    if (user === undefined) return undefined;
    const expected = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
    return headers['proxy-authorization'] === expected ? undefined : 407;
  };
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const refusal = refusalOf(request);
    if (refusal === undefined) forward(request, response, fallback);
    else response.writeHead(refusal).end();
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    seen.push(`CONNECT ${request.url}`);
    sockets.add(socket);
    const refusal = refusalOf(request);
    if (refusal === undefined) sockets.add(tunnel(request.url ?? '', socket));
    else socket.end(`HTTP/1.1 ${refusal} no\r\ncontent-length: 0\r\n\r\n`);
  });
  const port = await listen(server);
  return {
    host: `127.0.0.1:${port}`,
    seen,
    leadTo(port) {
      fallback = port;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await stopServer(server);
    },
  };
}

function tunnel(target: string, socket: Duplex): Socket {
  const upstream = connect(Number(target.split(':').at(-1)), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    upstream.pipe(socket).pipe(upstream);
  });
  for (const side of [upstream, socket]) side.on('error', () => undefined);
  upstream.on('close', () => socket.destroy());
  socket.on('close', () => upstream.destroy());
  return upstream;
}

function forward(request: IncomingMessage, response: ServerResponse, fallback?: number): void {
  const url = new URL(request.url ?? '/', 'http://nowhere.invalid');
  const { 'proxy-authorization': _, ...headers } = request.headers;
  const onward = httpRequest({
    host: '127.0.0.1',
    port: url.port || fallback,
    path: url.pathname + url.search,
    method: request.method,
    headers,
  });
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
