import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { openTransport } from '../../images/registry/registry-transport.ts';
import { HostGates } from '../../images/registry/retry-gate.ts';
import { TokenCache } from '../../images/registry/token-cache.ts';
import { fetchToken } from '../../images/registry/token-server.ts';
import { listen, stopServer } from '../registries/memory-registry.ts';

const lives: readonly [name: string, reply: object, headers: Record<string, string>, seconds: number][] = [
  ['nothing is said', {}, {}, 60],
  ['it is shorter than a minute', { expires_in: 5 }, {}, 60],
  ['expires_in', { expires_in: 300 }, {}, 300],
  [
    'a token made earlier, by the clock of the server',
    { expires_in: 300, issued_at: '2001-01-01T00:00:00Z' },
    { date: 'Mon, 01 Jan 2001 00:04:00 GMT' },
    60,
  ],
  [
    'issued_at in the future',
    { expires_in: 300, issued_at: '2001-01-01T01:00:00Z' },
    { date: 'Mon, 01 Jan 2001 00:00:00 GMT' },
    300,
  ],
  ['issued_at without a Date', { expires_in: 300, issued_at: '2001-01-01T00:00:00Z' }, {}, 300],
  ['an issued_at that is no date', { expires_in: 300, issued_at: 7 }, { date: 'Mon, 01 Jan 2001 00:00:00 GMT' }, 300],
];
for (const [name, body, headers, seconds] of lives) {
  test(`a token lives ${seconds} s where ${name}, and is renewed at nine tenths`, async (t) => {
    const origin = await tokenServer(t, JSON.stringify({ token: 'x', ...body }), headers);
    const transport = openTransport({ host: origin.host, plainHttp: true });
    t.after(() => transport.close());
    const challenge = { scheme: 'bearer', realm: '/token', scopes: [] } as const;
    const request = { host: 'r', challengedAt: origin, challenge, scopes: [], credentials: undefined, signal: t.signal };
    const { token } = await fetchToken(request, transport, new HostGates());
    const leftMs = token.staleAt - performance.now();
    assert.ok(Math.abs(leftMs - seconds * 900) < 2000, String(leftMs));
    assert.ok(Math.abs(token.halfAt - performance.now() - seconds * 500) < 2000);
  });
}

test('what lasts minutes does not begin with a token whose life is half over', async (t) => {
  const cache = new TokenCache();
  const now = performance.now();
  const old = async () => ({ value: 'old', halfAt: now - 1, staleAt: now + 60_000 });
  const fresh = async () => ({ value: 'fresh', halfAt: now + 60_000, staleAt: now + 90_000 });
  assert.equal((await cache.get('k', old, { signal: t.signal })).value, 'old');
  assert.equal((await cache.get('k', fresh, { signal: t.signal })).value, 'old', 'good enough for a moment');
  assert.equal((await cache.get('k', fresh, { signal: t.signal, lasting: true })).value, 'fresh');
});

/** A server that answers everything with `body`, and has a clock only if `headers` say so. */
async function tokenServer(t: TestContext, body: string, headers: Readonly<Record<string, string>>): Promise<URL> {
  const server = createServer((_request, response) => {
    response.sendDate = false;
    response.writeHead(200, headers).end(body);
  });
  const port = await listen(server);
  t.after(() => stopServer(server));
  return new URL(`http://127.0.0.1:${port}/`);
}
