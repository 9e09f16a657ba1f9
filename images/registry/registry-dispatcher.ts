import { createSecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import { proxyOf } from './proxy.ts';
import type { RegistryAccess } from './registry-access.ts';
import { trustedRoots } from './trusted-roots.ts';
import { Agent, Pool, ProxyAgent } from './undici-parts.ts';

/** What TLS takes to reach a registry. Each string is PEM. */
interface TlsFiles {
  /** All that is trusted, the roots of the system and of Node included. */
  readonly ca: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** The TLS settings of a connection to `url`. The client certificate goes to the registry itself and to no place that it points to. */
function tlsFor(access: RegistryAccess, url: URL): TlsFiles {
  return { ...ownTls(access, url), ca: trustedRoots(access.ca) };
}

/** What of these settings is the registry's own. */
export function ownTls({ host, ca, cert, key }: RegistryAccess, url: URL): Pick<RegistryAccess, 'ca' | 'cert' | 'key'> {
  const isHome = url.host === new URL(`${url.protocol}//${apiHost(host)}`).host;
  return { ...(ca === undefined ? {} : { ca }), ...(isHome && cert !== undefined && key !== undefined ? { cert, key } : {}) };
}

/** The host that answers for a registry. */
export function apiHost(host: string): string {
  return host === 'docker.io' ? 'registry-1.docker.io' : host;
}

export interface DispatcherOptions {
  /** No more sockets a host than this. */
  readonly connections: number;
  readonly connectMs: number;
  readonly stallMs: number;
}

/** Connections for one registry: directly or through the proxy that the environment names, with and without its client certificate. */
export class Dispatchers {
  readonly #access: RegistryAccess;
  readonly #options: DispatcherOptions;
  readonly #opened = new Map<string, Dispatcher>();

  constructor(access: RegistryAccess, options: DispatcherOptions) {
    this.#access = access;
    this.#options = options;
  }

  /** The one for requests to `url`. */
  to(url: URL): Dispatcher {
    const proxy = proxyOf(url);
    const own = this.#access.cert === undefined ? '' : url.host;
    const key = `${url.protocol} ${own} ${proxy?.href ?? ''}`;
    const dispatcher = this.#opened.get(key) ?? this.#open(url, proxy);
    this.#opened.set(key, dispatcher);
    return dispatcher;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map((dispatcher) => dispatcher.destroy()));
  }

  #open(url: URL, proxy: URL | undefined): Dispatcher {
    const { connections, connectMs, stallMs } = this.#options;
    // HTTP/2 halves the throughput, and undici 8 would choose it by itself.
    const options = { allowH2: false, connections, bodyTimeout: stallMs };
    // One context for all connections: parsing takes 10 ms.
    const secured = (to: URL) => ({ secureContext: createSecureContext(secureOptions(tlsFor(this.#access, to))) });
    const connect = { timeout: connectMs, allowH2: false, ...(url.protocol === 'https:' ? secured(url) : {}) };
    if (proxy === undefined) return new Agent({ ...options, connect });
    return new ProxyAgent({
      ...options,
      uri: proxy.href,
      requestTls: connect,
      proxyTls: { timeout: connectMs, allowH2: false, ...(proxy.protocol === 'https:' ? secured(proxy) : {}) },
      // A proxy that takes CONNECT and says nothing has a host behind it that does not answer.
      clientFactory: (origin, opts) => new Pool(origin, { ...opts, headersTimeout: Math.max(connectMs, 30_000) }),
    });
  }
}

function secureOptions({ ca, cert, key }: TlsFiles): { ca: string[]; cert?: string; key?: string } {
  return { ca: [...ca], ...(cert === undefined || key === undefined ? {} : { cert, key }) };
}
