import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { includes, scopeOf } from '../memory-auth.ts';
import type { MemoryRegistry } from '../memory-registry.ts';
import { bodyOf, complaint, type Reply, reply, sendReply } from '../reply.ts';
import type { Quirk } from './quirk.ts';

export interface TokenQuirks {
  /** What the reply calls the token. Default `token`. */
  readonly field?: 'token' | 'access_token';
  /** Of the realm. */
  readonly query?: string;
  /** Default every scope that is asked for. */
  readonly grants?: 'first scope';
  /** The challenge; `undefined` for a 401 without one. Default Bearer. */
  readonly challenge?: (bearer: string, request: IncomingMessage) => string | string[] | undefined;
  /** How a POST of an identity token is answered. Default by a token. */
  readonly post?: Reply;
  /** Instead of any token. */
  readonly refusal?: Reply;
  /** How long a token is good, whatever it says. Default for ever. */
  readonly lifeMs?: number;
  /** What the reply says of that, in seconds. Default 300. */
  readonly expiresIn?: number;
  /** Of every challenge. Default what the request needs. */
  readonly scope?: string;
}

interface Granted {
  readonly scopes: readonly string[];
  readonly until: number;
}

/** A registry whose token server, at /auth, has ways of its own. Whoever has a user name gets a token. */
export function tokens(quirks: TokenQuirks = {}): Quirk {
  const granted = new Map<string, Granted>();
  return async (request, response, registry) => {
    const url = new URL(request.url ?? '/', registry.origin);
    const refusal =
      url.pathname === '/auth' ? await grant(quirks, granted, request, url) : challengeTo(quirks, granted, request, registry);
    if (refusal === undefined) return false;
    sendReply(request, response, refusal);
    return true;
  };
}

/** Basic only, whatever else is asked: user and password with every request, no token anywhere (ECR). */
export function basicOnly(user: { readonly username: string; readonly password: string }): Quirk {
  const expected = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  return (request, response) => {
    if (request.headers.authorization === expected) return false;
    const headers = { 'www-authenticate': 'Basic realm="https://registry.example/",service="ecr.amazonaws.com"' };
    sendReply(request, response, complaint(401, 'UNAUTHORIZED', 'Not Authorized', headers));
    return true;
  };
}

async function grant(quirks: TokenQuirks, granted: Map<string, Granted>, request: IncomingMessage, url: URL): Promise<Reply> {
  const form = request.method === 'POST' ? new URLSearchParams((await bodyOf(request)).toString()) : url.searchParams;
  if (quirks.refusal !== undefined) return quirks.refusal;
  if (request.method === 'POST' && quirks.post !== undefined) return quirks.post;
  if (quirks.query !== undefined && url.search.slice(1).split('&')[0] !== quirks.query) return reply(400, {}, 'which tenant?');
  const asked = form.getAll('scope').flatMap((scope) => scope.split(' '));
  const value = randomUUID();
  const scopes = quirks.grants === 'first scope' ? asked.slice(0, 1) : asked;
  granted.set(value, { scopes, until: performance.now() + (quirks.lifeMs ?? Number.POSITIVE_INFINITY) });
  return reply(200, {}, JSON.stringify({ [quirks.field ?? 'token']: value, expires_in: quirks.expiresIn ?? 300 }));
}

function challengeTo(
  quirks: TokenQuirks,
  granted: ReadonlyMap<string, Granted>,
  request: IncomingMessage,
  { origin }: MemoryRegistry,
): Reply | undefined {
  const scope = scopeOf(request.method ?? 'GET', new URL(request.url ?? '/', origin).pathname);
  const token = granted.get((request.headers.authorization ?? '').replace(/^Bearer /, ''));
  if (token !== undefined && token.until > performance.now() && (quirks.scope !== undefined || covers(token.scopes, scope))) {
    return undefined;
  }
  const query = quirks.query === undefined ? '' : `?${quirks.query}`;
  const named = quirks.scope ?? scope;
  const bearer = `Bearer realm="${origin}/auth${query}",service="odd"${named === undefined ? '' : `,scope="${named}"`}`;
  const challenge = quirks.challenge === undefined ? bearer : quirks.challenge(bearer, request);
  return complaint(
    401,
    'UNAUTHORIZED',
    'authentication required',
    challenge === undefined ? {} : { 'www-authenticate': challenge as string },
  );
}

function covers(granted: readonly string[], needed: string | undefined): boolean {
  const [, name, actions = ''] = /^repository:(.*):(.*)$/.exec(needed ?? '') ?? [];
  if (name === undefined) return true;
  return actions.split(',').every((action) => granted.some((one) => includes(one, name, action)));
}
