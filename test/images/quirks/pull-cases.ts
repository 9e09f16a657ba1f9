import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type MemoryOptions, startMemoryRegistry } from '../../registries/memory-registry.ts';
import { expiring, redirecting, refusingAuthorization } from '../../registries/quirks/locations.ts';
import * as bodies from '../../registries/quirks/pulls.ts';
import { type Quirk, together } from '../../registries/quirks/quirk.ts';
import { busy, down, paced } from '../../registries/quirks/statuses.ts';
import { tokens } from '../../registries/quirks/tokens.ts';
import { testUser } from '../../registries/start-registry.ts';
import { seedBlob } from '../memory-client.ts';
import { blob, fails, pullCases, type QuirkCase, whole } from './quirk-case.ts';

const blobs = /\/blobs\/sha256/;
const by = (make: () => Quirk) => () => ({ intercept: make() });

/** Another host that holds the blob, with ways of its own. */
async function cdn(t: Parameters<QuirkCase['registry']>[0], options: MemoryOptions = {}) {
  const other = await startMemoryRegistry(options);
  t.after(() => other.stop());
  seedBlob(other, 'a', blob);
  return other;
}

/** What a date header says `ms` from now; it knows whole seconds only. */
const dateIn = (ms: number) => new Date(Date.now() + ms).toUTCString();

export const pullQuirks: readonly QuirkCase[] = [
  ...pullCases(
    'a reset in the middle of a blob is resumed by Range',
    by(() => bodies.cutAt(150_000)),
    whole([undefined, 'bytes=n-']),
  ),
  ...pullCases(
    'a reset at byte 0 begins anew',
    by(() => bodies.cutAt(0)),
    whole([undefined, undefined]),
  ),
  ...pullCases(
    'a reset after the last byte costs nothing',
    by(() => bodies.cutAtEnd()),
    whole(),
  ),
  ...pullCases(
    'a Range that is ignored is read again up to where it was',
    by(() => together(bodies.cutAt(150_000), bodies.rangeIgnored())),
    whole([undefined, 'bytes=n-']),
  ),
  ...pullCases(
    'a Range that is off by one is no part of this blob',
    by(() => together(bodies.cutAt(150_000), bodies.rangeOffByOne())),
    fails({ code: 'REGISTRY_FAILED', message: /resumes .* wrongly/ }, 2),
  ),
  ...pullCases(
    'a Range that is refused by 416 begins anew, once',
    by(() => together(bodies.cutAt(150_000), bodies.rangeRefused())),
    whole([undefined, 'bytes=n-', undefined]),
  ),
  ...pullCases(
    'a Content-Length that is too short is no blob of ours, and nothing is written',
    by(() => bodies.lyingLength(-1)),
    fails({ code: 'SIZE_MISMATCH' }, 1),
  ),
  ...pullCases(
    'a Content-Length that is too long is no blob of ours either',
    by(() => bodies.lyingLength(1)),
    fails({ code: 'SIZE_MISMATCH' }, 1),
  ),
  ...pullCases(
    'Content-Encoding: gzip on a blob that is not packed is taken as it is',
    by(() => bodies.contentEncoding('gzip')),
    whole(),
  ),
  ...pullCases(
    'Content-Encoding: x-gzip on a blob that is packed once more is undone',
    by(() => bodies.contentEncoding('x-gzip', (bytes) => gzipSync(bytes))),
    whole(),
  ),
  ...pullCases(
    'Content-Encoding: gzip without a length is undone when the bytes as they are do not match',
    by(() => bodies.contentEncoding('gzip', (bytes) => gzipSync(bytes), { 'transfer-encoding': 'chunked' })),
    whole(),
  ),
  ...pullCases(
    'Content-Encoding: gzip without a length on a blob that is not packed is taken as it is',
    by(() => bodies.contentEncoding('gzip', (bytes) => bytes, { 'transfer-encoding': 'chunked' })),
    whole(),
  ),
  ...pullCases(
    'a blob that is encoded and breaks off is asked for again from its start',
    by(() => bodies.encodedAndCut(150_000)),
    whole(),
  ),
  ...pullCases(
    'Content-Encoding: gzip on what is neither the blob nor gzip is told',
    by(() => bodies.contentEncoding('gzip', (bytes) => Buffer.concat([bytes, bytes]))),
    fails({ code: 'SIZE_MISMATCH', message: /in the encoding "gzip", and it is not in it/ }, 2),
  ),
  ...pullCases(
    'Content-Encoding: gzip on other bytes than those of the blob is told, and they are not taken without end',
    by(() => bodies.contentEncoding('gzip', () => gzipSync(Buffer.alloc(50 << 20)))),
    fails({ code: 'SIZE_MISMATCH' }, 2),
  ),
  ...pullCases(
    '429 with Retry-After in seconds is waited for',
    by(() => busy(1, '1')),
    async (pull, client, t) => {
      const begin = performance.now();
      await whole([undefined, undefined])(pull, client, t);
      assert.ok(performance.now() - begin >= 990);
    },
  ),
  ...pullCases(
    '429 with Retry-After as a date is waited for',
    by(() => busy(1, dateIn(2000))),
    async (pull, client, t) => {
      const begin = performance.now();
      await whole([undefined, undefined])(pull, client, t);
      assert.ok(performance.now() - begin >= 800); // the date has no fractions
    },
  ),
  ...pullCases(
    '429 without Retry-After is tried again soon',
    by(() => busy(3)),
    whole([undefined, undefined, undefined, undefined]),
  ),
  ...pullCases(
    '503 once is tried again',
    by(() => down(1)),
    whole([undefined, undefined]),
  ),
  ...pullCases(
    'ECR Public: "Rate exceeded" for all that comes too soon ends in completion',
    by(() => paced(20)),
    whole(),
  ),
  ...pullCases(
    'a 307 to another host that rejects Authorization is followed without it',
    async (t) => {
      const other = await cdn(t, { intercept: refusingAuthorization() });
      return {
        user: testUser,
        intercept: together(
          tokens(),
          redirecting(blobs, 307, () => other.origin),
        ),
      };
    },
    whole(),
  ),
  ...pullCases(
    'presigned URLs that have expired when the connection dies are asked for again at the registry',
    async (t) => {
      const other = await cdn(t, { intercept: together(expiring(), bodies.cutAt(150_000)) });
      const sign = () => `?signature=${randomUUID()}`;
      return { intercept: redirecting(blobs, 307, () => other.origin, sign) };
    },
    whole([undefined, 'bytes=n-']),
  ),
  ...pullCases(
    'a blob without end is stopped at its size',
    by(() => bodies.endless(blobs)),
    fails({ code: 'SIZE_MISMATCH' }, 2),
  ),
  ...pullCases(
    'a refusal without end is stopped soon',
    by(() => (request, response) => {
      response.writeHead(403);
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(1 << 16, 'x'), more));
      more();
      return request.url !== '';
    }),
    fails({ code: 'REGISTRY_DENIED', message: /^.{1,700}$/ }, 1),
  ),
];
