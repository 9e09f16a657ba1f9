import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { complaint, type Reply, reply } from './reply.ts';

export interface User {
  readonly username: string;
  readonly password: string;
}

/** `basic`: user and password with every request. `bearer`: exchanged for a token at /token first, by GET. */
export type AuthScheme = 'basic' | 'bearer';

/** Decides whether a request may pass. */
export class MemoryAuth {
  readonly #user: User | undefined;
  readonly #scheme: AuthScheme;
  readonly #tokens = new Map<string, readonly string[]>();

  constructor(user: User | undefined, scheme: AuthScheme) {
    this.#user = user;
    this.#scheme = scheme;
  }

  /** What to answer instead: a token, or 401. `undefined` when the request may pass. */
  refusal(request: IncomingMessage, origin: string): Reply | undefined {
    if (this.#user === undefined) return undefined;
    const url = new URL(request.url ?? '/', origin);
    const authorization = request.headers.authorization ?? '';
    if (url.pathname === '/token') return this.#token(authorization, url);
    const scope = scopeOf(request.method ?? 'GET', url.pathname);
    const allowed = this.#scheme === 'basic' ? authorization === this.#basic() : this.#permits(authorization, scope);
    if (allowed) return undefined;
    const bearer = `Bearer realm="${origin}/token",service="memory"${scope === undefined ? '' : `,scope="${scope}"`}`;
    return complaint(401, 'UNAUTHORIZED', 'authentication required', {
      'www-authenticate': this.#scheme === 'basic' ? 'Basic realm="memory"' : bearer,
    });
  }

  /** Makes all tokens given so far worthless, as time would. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  #basic(): string {
    return `Basic ${Buffer.from(`${this.#user?.username}:${this.#user?.password}`).toString('base64')}`;
  }

  #token(authorization: string, url: URL): Reply {
    if (authorization !== this.#basic()) return complaint(401, 'UNAUTHORIZED', 'wrong user or password');
    const token = randomUUID();
    this.#tokens.set(token, url.searchParams.getAll('scope'));
    return reply(200, { 'content-type': 'application/json' }, JSON.stringify({ token, expires_in: 300 }));
  }

  #permits(authorization: string, scope: string | undefined): boolean {
    const granted = this.#tokens.get(authorization.replace(/^Bearer /, ''));
    if (granted === undefined) return false;
    const [, name, actions = ''] = /^repository:(.*):(.*)$/.exec(scope ?? '') ?? [];
    if (name === undefined) return true;
    return actions.split(',').every((action) => granted.some((one) => includes(one, name, action)));
  }
}

/** Whether one granted scope covers an action on a repository. */
export function includes(granted: string, name: string, action: string): boolean {
  return granted.startsWith(`repository:${name}:`) && granted.slice(`repository:${name}:`.length).split(',').includes(action);
}

/** What a request needs, as a token scope; `undefined` where there is no repository. */
export function scopeOf(method: string, path: string): string | undefined {
  const name = /^\/v2\/(.+)\/(?:blobs|manifests|tags)\//.exec(path)?.[1];
  if (name === undefined) return undefined;
  return `repository:${name}:${method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push'}`;
}
