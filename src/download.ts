import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { connectionFailure, connectionTrouble } from '../images/registry/connection-failure.ts';
import type { RegistryAccess } from '../images/registry/registry-access.ts';
import { sendFollowing } from '../images/registry/registry-redirect.ts';
import { discard, header, openTransport, readBody, type Transport } from '../images/registry/registry-transport.ts';
import { RetryGate, type Trouble } from '../images/registry/retry-gate.ts';

export interface Download {
  readonly access: RegistryAccess;
  /** Credentials of `access` go to this origin and to no other, wherever a URL or a redirect leads. */
  readonly origin: string;
  /** Bytes; more of them are an error. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Why an attempt gave no body, and the error to throw when it was the last. */
interface Failed {
  readonly trouble: Trouble;
  readonly explain: () => BundleError | Promise<BundleError>;
}

/**
 * The whole body behind an http(s) URL, redirects followed. What may pass (a busy host, a lost connection) is tried again. Throws
 * CHART_NOT_FOUND for 404, REGISTRY_DENIED, REGISTRY_UNREACHABLE, REGISTRY_UNTRUSTED, REGISTRY_LIMITED, REGISTRY_FAILED.
 */
export async function download(url: URL, options: Download): Promise<Buffer> {
  const transport = openTransport({ ...options.access, plainHttp: url.protocol === 'http:' });
  const gate = new RetryGate();
  try {
    for (let failures = 1; ; failures += 1) {
      const outcome = await attempt(transport, url, options);
      if (Buffer.isBuffer(outcome)) return outcome;
      const pauseMs = gate.pauseAfter(outcome.trouble, failures);
      if (pauseMs === undefined) throw await outcome.explain();
      await sleep(pauseMs, undefined, { signal: options.signal });
    }
  } finally {
    await transport.close();
  }
}

async function attempt(transport: Transport, url: URL, options: Download): Promise<Buffer | Failed> {
  const { limit, signal } = options;
  const headers = await authorization(url, options);
  try {
    const answer = await sendFollowing(transport, url.host, { method: 'GET', url, headers, signal });
    if (answer.status !== 200) {
      await discard(answer);
      const trouble = { status: answer.status, retryAfter: header(answer, 'retry-after') };
      return { trouble, explain: () => refused(answer.status, withoutQuery(url)) };
    }
    const body = await readBody(answer, limit);
    if (body !== undefined) return body;
  } catch (error) {
    signal.throwIfAborted();
    const connection = connectionTrouble(error);
    if (connection === undefined) throw error;
    return { trouble: { connection }, explain: () => connectionFailure(url.host, url, connection, error) };
  }
  throw new BundleError('REGISTRY_FAILED', `${withoutQuery(url)} is larger than ${limit >> 20} MiB`);
}

async function authorization(url: URL, { access, origin, signal }: Download): Promise<Record<string, string>> {
  const credentials = url.origin === origin ? await access.credentials?.({ signal }) : undefined;
  if (credentials === undefined || !('username' in credentials)) return {};
  const { username, password } = credentials;
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

/** Signed URLs have their secret there. */
function withoutQuery({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function refused(status: number, what: string): BundleError {
  if (status === 404) {
    return new BundleError('CHART_NOT_FOUND', `there is nothing at ${what}`, {
      hint: 'chart.repo is the URL that "helm repo add" takes: the folder of an index.yaml',
    });
  }
  if (status === 401 || status === 403) {
    return new BundleError('REGISTRY_DENIED', `${what} answered ${status}`, {
      hint: 'name the credentials in sources.charts: [{url: …, credentials: {env: {username: …, password: …}}}]',
    });
  }
  const code = status === 429 ? 'REGISTRY_LIMITED' : 'REGISTRY_FAILED';
  return new BundleError(code, `${what} answered ${status}`, { hint: 'try again later' });
}
