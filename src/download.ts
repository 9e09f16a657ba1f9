import { BundleError } from '../bundle-spec/bundle-error.ts';
import { connectionFailure, connectionTrouble } from '../images/connection-failure.ts';
import type { RegistryAccess } from '../images/registry-access.ts';
import { checkDestination } from '../images/registry-destination.ts';
import { type Answer, discard, header, openTransport, readBody, type Transport } from '../images/registry-transport.ts';

export interface Download {
  /** How the host is reached; its credentials go to that host only. */
  readonly access: RegistryAccess;
  readonly signal: AbortSignal;
}

const redirects = [301, 302, 303, 307, 308];

/**
 * The whole body behind an http(s) URL, at most `limit` bytes, redirects followed. Throws CHART_NOT_FOUND for 404, REGISTRY_DENIED,
 * REGISTRY_UNREACHABLE, REGISTRY_UNTRUSTED, REGISTRY_FAILED.
 */
export async function download(url: URL, options: Download & { readonly limit: number }): Promise<Buffer> {
  const transport = openTransport({ ...options.access, plainHttp: url.protocol === 'http:' });
  try {
    return await follow(transport, url, options);
  } finally {
    await transport.close();
  }
}

async function follow(transport: Transport, start: URL, options: Download & { readonly limit: number }): Promise<Buffer> {
  let url = start;
  for (let hop = 0; hop < 6; hop += 1) {
    const answer = await ask(transport, url, options);
    if (!redirects.includes(answer.status)) return await bodyOf(answer, url, options.limit);
    await discard(answer);
    const next = new URL(header(answer, 'location') ?? '', url);
    checkDestination(start.host, url, next, 'a redirect');
    url = next;
  }
  throw new BundleError('REGISTRY_FAILED', `${start.origin}${start.pathname} redirects more than 5 times`);
}

async function ask(transport: Transport, url: URL, { access, signal }: Download): Promise<Answer> {
  const headers = await authorization(url, access, signal);
  try {
    return await transport.send({ method: 'GET', url, headers, signal });
  } catch (error) {
    signal.throwIfAborted();
    const trouble = connectionTrouble(error);
    throw trouble === undefined ? error : await connectionFailure(url.host, url, trouble, error);
  }
}

async function authorization(url: URL, access: RegistryAccess, signal: AbortSignal): Promise<Record<string, string>> {
  if (url.host !== access.host) return {};
  const credentials = await access.credentials?.({ signal });
  if (credentials === undefined || !('username' in credentials)) return {};
  const { username, password } = credentials;
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

async function bodyOf(answer: Answer, url: URL, limit: number): Promise<Buffer> {
  const what = `${url.origin}${url.pathname}`;
  if (answer.status !== 200) {
    await discard(answer);
    throw refused(answer.status, what);
  }
  const body = await readBody(answer, limit);
  if (body === undefined) throw new BundleError('REGISTRY_FAILED', `${what} is larger than ${limit >> 20} MiB`);
  return body;
}

function refused(status: number, what: string): BundleError {
  if (status === 404) return new BundleError('CHART_NOT_FOUND', `there is nothing at ${what}`, { hint: 'check chart.repo' });
  if (status === 401 || status === 403) {
    return new BundleError('REGISTRY_DENIED', `${what} answered ${status}`, {
      hint: 'name the credentials in sources.charts: [{url: …, credentials: {env: {username: …, password: …}}}]',
    });
  }
  return new BundleError('REGISTRY_FAILED', `${what} answered ${status}`);
}
