import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { jsonValue } from '../json-value.ts';
import type { Challenge } from './auth-challenge.ts';
import type { Credentials } from './registry-access.ts';
import { checkDestination, parseLocation } from './registry-destination.ts';
import { answerFailure } from './registry-failure.ts';
import { type RepeatableExchange, sendFollowing } from './registry-redirect.ts';
import { type Answer, discard, header, readBody, type Transport, withBody } from './registry-transport.ts';
import type { HostGates } from './retry-gate.ts';
import { gated, sendPatiently } from './retry-sending.ts';
import type { Token } from './token-cache.ts';

export interface TokenRequest {
  /** The registry's name in references. */
  readonly host: string;
  /** Where the challenge came from. */
  readonly challengedAt: URL;
  readonly challenge: Extract<Challenge, { scheme: 'bearer' }>;
  /** The most important first: some servers look at one only. */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

export interface TokenGrant {
  readonly token: Token;
  /** Replaces the identity token it was exchanged for. */
  readonly refreshToken?: string;
}

/** What those answer to a POST who know GET only: GCR and Gitea 404, JFrog 401, ACR 400 to parameters it does not know. */
const knowsNoPost = new Set([400, 401, 404, 405]);

/** A reply beyond this holds no token. Bytes. */
const replyLimit = 64 << 10;

/** How long a token is good when the server does not say, and at least ("no less than 60 seconds", token specification). */
const shortestLifeSeconds = 60;

const Reply = z
  .object({
    token: z.string().nullish(),
    access_token: z.string().nullish(),
    expires_in: z.number().nullish().catch(undefined),
    issued_at: z.string().nullish().catch(undefined),
    refresh_token: z.string().nullish(),
  })
  .transform((reply) => ({ ...reply, value: reply.access_token || reply.token || '' }))
  .refine((reply) => reply.value !== '');

/**
 * Asks the token server that a challenge names: by GET, with Basic if there is a password; an identity token is exchanged by POST.
 * Throws REGISTRY_DENIED with the server's own words, REGISTRY_FAILED for a realm that must not be asked or a reply without token.
 */
export async function fetchToken(request: TokenRequest, transport: Transport, gates: HostGates): Promise<TokenGrant> {
  const { host, challengedAt, challenge, credentials, signal } = request;
  const realm = parseLocation(host, challengedAt, challenge.realm);
  await checkDestination(host, challengedAt, realm, 'its token server');
  const gate = gates.of(realm, 'token server');
  const ask = (exchange: RepeatableExchange) => {
    const send = () => gated(gate, async () => withBody(await sendFollowing(transport, host, exchange), replyLimit), signal);
    return sendPatiently(send, { gate, host, url: exchange.url, signal });
  };
  if (credentials === undefined || !('identityToken' in credentials))
    return grantOf(await ask(getExchange(request, realm, signal)), request, realm);
  const exchanged = await ask(refreshExchange(request, realm, credentials.identityToken));
  if (!knowsNoPost.has(exchanged.status)) return grantOf(exchanged, request, realm);
  // Of the two refusals the first is about the token; the second may only say that it is no password.
  const refusal = await refusedLogin(exchanged, request, realm);
  const answer = await ask(getExchange(request, realm, signal));
  if (answer.status >= 200 && answer.status <= 299) return grantOf(answer, request, realm);
  if (exchanged.status === 404 || exchanged.status === 405) throw await refusedLogin(answer, request, realm);
  await discard(answer);
  throw refusal;
}

/** `Basic …` for what can be said by it. An identity token goes as the password of the user `<token>`, as docker does it. */
export function basicAuthorization(credentials: Credentials | undefined): string | undefined {
  if (credentials === undefined || 'registryToken' in credentials) return undefined;
  const pair =
    'identityToken' in credentials ? `<token>:${credentials.identityToken}` : `${credentials.username}:${credentials.password}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function getExchange({ challenge, scopes, credentials }: TokenRequest, realm: URL, signal: AbortSignal): RepeatableExchange {
  const url = new URL(realm); // a query of its own stays
  if (challenge.service !== undefined) url.searchParams.append('service', challenge.service);
  for (const scope of new Set(scopes)) url.searchParams.append('scope', scope);
  if (credentials !== undefined && 'username' in credentials) url.searchParams.append('account', credentials.username);
  const authorization = basicAuthorization(credentials);
  return { method: 'GET', url, headers: authorization === undefined ? {} : { authorization }, signal };
}

function refreshExchange({ challenge, scopes, signal }: TokenRequest, realm: URL, identityToken: string): RepeatableExchange {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: identityToken, client_id: 'diolkos' });
  if (challenge.service !== undefined) form.set('service', challenge.service);
  form.set('scope', [...new Set(scopes)].join(' '));
  const body = Buffer.from(form.toString());
  return {
    method: 'POST',
    url: realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    openBody: () => body,
    secretBody: true,
    signal,
  };
}

async function refusedLogin(answer: Answer, { host, credentials, scopes }: TokenRequest, realm: URL): Promise<BundleError> {
  return answerFailure(answer, {
    host,
    doing: `the login at ${realm.host}`,
    what: `token server at ${realm.host}${realm.pathname}`,
    right: scopes.some((scope) => /:[^:]*push[^:]*$/.test(scope)) ? 'push' : 'pull',
    credentialsFrom: credentials?.from,
  });
}

async function grantOf(answer: Answer, request: TokenRequest, realm: URL): Promise<TokenGrant> {
  const { host } = request;
  if (answer.status < 200 || answer.status > 299) throw await refusedLogin(answer, request, realm);
  const reply = Reply.safeParse(jsonValue((await readBody(answer, replyLimit)) ?? '')).data;
  if (reply === undefined)
    throw new BundleError('REGISTRY_FAILED', `the token server ${realm.host} of ${host} answered without a token`);
  const lifeMs = lifeOf(reply, header(answer, 'date'));
  const now = performance.now();
  const token = { value: reply.value, staleAt: now + lifeMs * 0.9, halfAt: now + lifeMs * 0.5 };
  return { token, ...(reply.refresh_token && { refreshToken: reply.refresh_token }) };
}

/**
 * What is left of a token's life, in milliseconds. A server may give one that it made earlier (`issued_at`). Its age is taken by the
 * server's own clock, the `Date` of the answer: ours may be wrong.
 */
function lifeOf({ expires_in, issued_at }: z.infer<typeof Reply>, date: string | undefined): number {
  const lifeMs = Math.max(expires_in ?? 0, shortestLifeSeconds) * 1000;
  const ageMs = Date.parse(date ?? '') - Date.parse(issued_at ?? '');
  return Number.isNaN(ageMs) ? lifeMs : Math.min(lifeMs, Math.max(1000, lifeMs - ageMs));
}
