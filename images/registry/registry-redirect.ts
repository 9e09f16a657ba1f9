import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { checkDestination, parseLocation } from './registry-destination.ts';
import { type Answer, discard, type Exchange, header, type Transport } from './registry-transport.ts';

const mostHops = 5;

/** A request whose body, if it has one, can be given again. */
export interface RepeatableExchange extends Omit<Exchange, 'body'> {
  readonly openBody?: () => Buffer | AsyncIterable<Buffer>;
  /** The body is a credential: it goes to no other origin than the first. */
  readonly secretBody?: boolean;
}

/**
 * Sends, and follows redirects by hand: `Authorization` stays behind when the origin changes, and no redirect leaves https or points
 * into our network from outside. 307 and 308 repeat any method with its body; 301, 302 and 303 are followed for GET and HEAD only.
 * Throws REGISTRY_FAILED, also for a secret body that is to go to another origin.
 */
export async function sendFollowing(transport: Transport, host: string, exchange: RepeatableExchange): Promise<Answer> {
  let { url, headers } = exchange;
  for (let hop = 0; hop <= mostHops; hop += 1) {
    const { openBody, secretBody, ...rest } = exchange;
    const body = openBody?.();
    const answer = await transport.send({ ...rest, url, headers, ...(body === undefined ? {} : { body }) });
    const location = header(answer, 'location');
    if (location === undefined || !isRedirect(answer.status, exchange.method)) return answer;
    await discard(answer);
    const next = parseLocation(host, url, location);
    await checkDestination(host, url, next, 'the next place of a redirect');
    if (next.origin !== url.origin) {
      if (secretBody === true)
        throw new BundleError('REGISTRY_FAILED', `${url.host}, asked for ${host}, sends a login on to ${next.origin}`);
      headers = withoutAuthorization(headers);
    }
    url = next;
  }
  throw new BundleError('REGISTRY_FAILED', `${host} redirects more than ${mostHops} times`);
}

function isRedirect(status: number, method: Exchange['method']): boolean {
  if (status === 307 || status === 308) return true;
  return (status === 301 || status === 302 || status === 303) && (method === 'GET' || method === 'HEAD');
}

function withoutAuthorization(headers: Exchange['headers']): Exchange['headers'] {
  const { authorization: _dropped, ...kept } = headers;
  return kept;
}
