import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { refusedRequest, unansweredRequest } from './cluster-error.ts';

/** How to reach a cluster. Default: `KUBECONFIG`, `~/.kube/config`, or the pod's own ServiceAccount. */
export interface Connect {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string;
  /** Context of the kubeconfig. Default: its current one. */
  readonly context?: string;
  /** Unix socket that leads to the API server, where no route does. TLS and names stay those of the kubeconfig. */
  readonly socketPath?: string;
}

export interface OutgoingRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface IncomingResponse {
  text(): Promise<string>;
  lines(): AsyncIterable<string>;
}

/** An authenticated way to one API server. `send` throws what cluster-error.ts makes of trouble. */
export interface Connection {
  readonly server: string;
  readonly namespace: string;
  send(request: OutgoingRequest): Promise<IncomingResponse>;
  close(): void;
}

/** Reads the configuration; nothing is asked of the network yet. Throws CLUSTER_UNREACHABLE when there is none. */
export async function connectCluster(connect: Connect): Promise<Connection> {
  const config = await loadConfig(connect);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw noCluster();
  const server = cluster.server.replace(/\/$/, '');
  const agents = new Set<http.Agent>();
  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async send(request) {
      // Asked for every request: a ServiceAccount's token is replaced on disk about every hour, an exec plugin's expires.
      const options: https.RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      if (options.agent instanceof http.Agent) agents.add(options.agent);
      const socket =
        connect.socketPath === undefined ? {} : { socketPath: connect.socketPath, servername: serverName(server, options) };
      return await exchange(server, { ...options, ...socket }, request);
    },
    close() {
      for (const agent of agents) agent.destroy();
    },
  };
}

async function loadConfig({ kubeconfig, context }: Connect) {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else if (process.env.KUBECONFIG === undefined && process.env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (cause) {
    throw noCluster(cause);
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

function noCluster(cause?: unknown): BundleError {
  return new BundleError('CLUSTER_UNREACHABLE', 'no cluster is configured', {
    hint: 'set KUBECONFIG, or run this in a pod with a ServiceAccount',
    ...(cause === undefined ? {} : { cause }),
  });
}

function serverName(server: string, options: https.RequestOptions): string {
  return options.servername ?? new URL(server).hostname;
}

async function exchange(server: string, options: https.RequestOptions, request: OutgoingRequest): Promise<IncomingResponse> {
  const { method, path, headers, body, signal } = request;
  const asked = { server, method, path: path.replace(/\?.*$/s, '') };
  let response: http.IncomingMessage;
  try {
    response = await new Promise((resolve, reject) => {
      const client = server.startsWith('https:') ? https : http;
      const all = { ...options, method, signal, headers: { ...options.headers, ...headers } };
      client.request(`${server}${path}`, all, resolve).on('error', reject).end(body);
    });
  } catch (cause) {
    // The reason of the caller, not Node's AbortError; the timeout of one request is an unanswered one.
    if (signal.aborted && !isTimeout(signal.reason)) throw signal.reason;
    throw unansweredRequest(asked, cause);
  }
  const status = response.statusCode ?? 0;
  if (status >= 400) throw refusedRequest(asked, status, (await text(response)).slice(0, 64 * 1024));
  return {
    text: () => read(text(response)),
    lines: () => readLines(response),
  };

  async function read(body: Promise<string>): Promise<string> {
    try {
      return await body;
    } catch (cause) {
      if (signal.aborted && !isTimeout(signal.reason)) throw signal.reason;
      throw unansweredRequest(asked, cause);
    }
  }
}

async function* readLines(response: http.IncomingMessage): AsyncIterable<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}
