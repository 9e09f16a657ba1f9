/** A bearer token. */
export interface Token {
  readonly value: string;
  /** By performance.now(): after this it is renewed before it is used. */
  readonly staleAt: number;
  /** By performance.now(): half of its life is over, and what lasts minutes should not begin with it. */
  readonly halfAt: number;
}

interface Asker {
  readonly lasting?: boolean;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly fetching: Promise<Token>;
  /** Of the one who caused the fetch. */
  readonly signal: AbortSignal;
  /** Set when it has come. */
  token?: Token;
}

/** Tokens by what they are for. However many ask for the same at once, it is fetched once. A failed fetch is forgotten. */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();

  async get(key: string, fetchToken: () => Promise<Token>, asker: Asker): Promise<Token> {
    const { lasting = false, signal } = asker;
    const kept = this.#entries.get(key);
    if (kept === undefined || isStale(kept, lasting)) return this.#fetch(key, fetchToken, signal);
    try {
      return await kept.fetching;
    } catch (error) {
      signal.throwIfAborted();
      // It was fetched on behalf of another request, which was aborted. This one was not.
      if (kept.signal.aborted) return this.get(key, fetchToken, asker);
      throw error;
    }
  }

  /** Forgets a token that was refused, unless a newer one has taken its place. */
  drop(key: string, value: string): void {
    if (this.#entries.get(key)?.token?.value === value) this.#entries.delete(key);
  }

  async #fetch(key: string, fetchToken: () => Promise<Token>, signal: AbortSignal): Promise<Token> {
    const entry: Entry = { fetching: fetchToken(), signal };
    this.#entries.set(key, entry);
    try {
      entry.token = await entry.fetching;
      return entry.token;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }
}

function isStale({ token }: Entry, lasting: boolean): boolean {
  return token !== undefined && (lasting ? token.halfAt : token.staleAt) <= performance.now();
}
