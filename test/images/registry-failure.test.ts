import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { presentable } from '../../images/registry/registry-failure.ts';
import { complaint, type Reply, reply } from '../registries/reply.ts';
import { held, noise } from '../registries/sample-images.ts';
import { script, startMemoryClient } from './memory-client.ts';

const blob = held('x', noise('refused', 10));
const root = join(import.meta.dirname, '../..');

/** What a registry answers to the beginning of a push, and what a user is told. */
const states: readonly [name: string, answer: Reply, code: string, message: RegExp, hint: RegExp][] = [
  [
    '401 to nobody',
    complaint(401, 'UNAUTHORIZED', 'who'),
    'REGISTRY_DENIED',
    /refused the push to a: 401/,
    /docker login.*#login/,
  ],
  ['403', complaint(403, 'DENIED', 'no'), 'REGISTRY_DENIED', /refused the push to a: 403 DENIED: no/, /create it first/],
  [
    '404 NAME_UNKNOWN',
    complaint(404, 'NAME_UNKNOWN', 'x'),
    'REGISTRY_NOT_FOUND',
    /repository a to push to/,
    /create a .*#repositories-and-projects/,
  ],
  ['405', complaint(405, 'UNSUPPORTED', 'x'), 'REGISTRY_FAILED', /405/, /pull-through cache.*#behind-a-proxy/],
  ['411', reply(411), 'REGISTRY_FAILED', /411/, /length out of requests.*#behind-a-proxy/],
  [
    '413',
    reply(413, {}, '<html><title>413 Request Entity Too Large</title>'),
    'REGISTRY_FAILED',
    /413 .*Too Large/,
    /client_max_body_size.*#upload-limits/,
  ],
  [
    '429 for long',
    complaint(429, 'TOOMANYREQUESTS', 'x', { 'retry-after': '9999' }),
    'REGISTRY_LIMITED',
    /limits requests/,
    /after 9999 seconds.*#limits/,
  ],
  [
    '400 without a client certificate',
    reply(400, {}, '<title>400 No required SSL certificate was sent</title>'),
    'REGISTRY_FAILED',
    /400/,
    /#client-certificates/,
  ],
];
for (const [name, answer, code, message, hint] of states) {
  test(`a push that is answered by ${name} is ${code} and leads to what to do`, async (t) => {
    const { registry } = await startMemoryClient(t, {
      intercept: script(
        'POST',
        /uploads/,
        Array.from({ length: 12 }, () => answer),
      ),
    });
    await assert.rejects(registry.checkPush('a', t), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      assert.doesNotMatch(error.message, /pull/, 'it is about a push');
      return true;
    });
  });
}

test('a token that is refused for a push is told as such', async (t) => {
  const answer = complaint(401, 'UNAUTHORIZED', 'wrong password');
  const { registry } = await startMemoryClient(t, {
    user: { username: 'porter', password: 'open-sesame-1234' },
    scheme: 'bearer',
    intercept: script('GET', /token/, [answer]),
  });
  await assert.rejects(registry.checkPush('a', t), { code: 'REGISTRY_DENIED', hint: /right to push here/ });
});

test('every section that errors lead to is in docs/registries.md', async () => {
  const guide = await readFile(join(root, 'docs/registries.md'), 'utf8');
  const anchors = new Set([...guide.matchAll(/^## (.*)$/gm)].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-')));
  const source = await readFile(join(root, 'images/registry/registry-guide.ts'), 'utf8');
  const sections = [...source.matchAll(/\| '([a-z-]+)'/g)].map(([, section = '']) => section);
  assert.ok(sections.length >= 10);
  for (const section of sections) assert.ok(anchors.has(section), section);
});

const secrets: readonly [text: string, shown: string][] = [
  ['see https://cdn/x?sig=abc now', 'see https://cdn/x?… now'],
  ['invalid token: Bearer abcdef0123456789==', 'invalid token: Bearer …'],
  ['Basic cG9ydGVyOnMzY3JldA== is wrong', 'Basic … is wrong'],
  ['jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln expired', 'jwt … expired'],
  ['Bearer realm', 'Bearer realm'],
  ['a\u0000\n\u202eb', 'a b'],
  ['x'.repeat(500), `${'x'.repeat(400)}…`],
];
for (const [text, shown] of secrets) {
  test(`of ${JSON.stringify(text.slice(0, 40))} is shown ${JSON.stringify(shown.slice(0, 30))}`, () =>
    assert.equal(presentable(text), shown));
}

test('of an error that never ends 64 KiB are read', async (t) => {
  let sent = 0;
  const { registry } = await startMemoryClient(t, {
    intercept: (request, response) => {
      if (request.method !== 'HEAD') {
        response.writeHead(400, { 'content-type': 'text/plain' });
        const more = () => {
          while (!response.destroyed) {
            sent += 1 << 16;
            if (!response.write(Buffer.alloc(1 << 16, 'x'))) return response.once('drain', more);
          }
          return undefined;
        };
        more();
        return true;
      }
      return false;
    },
  });
  await assert.rejects(registry.fetchBlob('a', blob.descriptor, t), { code: 'REGISTRY_FAILED', message: /400/ });
  assert.ok(sent < 32 << 20, `${sent} bytes`);
});

for (const piece of ['a', '-eyJ', 'a://', 'x://y', 'Bearer ']) {
  test(`64 KiB of ${JSON.stringify(piece)} from a registry are made a line at once`, () => {
    const begin = performance.now();
    assert.ok(presentable(piece.repeat(65_536 / piece.length)).length <= 401);
    assert.ok(performance.now() - begin < 500, `${performance.now() - begin} ms`);
  });
}
