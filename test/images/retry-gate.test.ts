import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRegistry } from '../../images/registry/registry.ts';
import { describeWait, HostGates, RetryGate, type Wait } from '../../images/registry/retry-gate.ts';
import { startMemoryRegistry } from '../registries/memory-registry.ts';
import { complaint, reply, sendReply } from '../registries/reply.ts';
import { held, noise } from '../registries/sample-images.ts';
import { script, seedBlob, startMemoryClient } from './memory-client.ts';

/** Lets `perSecond` requests pass, with `burst` of them at once. */
function limiter(perSecond: number, burst: number): () => boolean {
  let tokens = burst;
  let at = performance.now();
  return () => {
    const now = performance.now();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * perSecond);
    at = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

const storms: readonly [name: string, headers: Record<string, string>][] = [
  ['that says when to come back', { 'retry-after': '1' }],
  ['that says nothing', {}],
];
describe('storms', { concurrency: true }, () => {
  for (const [name, headers] of storms) {
    test(`100 requests to a host ${name} and takes 50 a second all end well, at near its pace`, async (t) => {
      const allows = limiter(50, 10);
      const { memory, registry } = await startMemoryClient(t, {
        intercept: (request, response) => {
          if (allows()) return false;
          sendReply(request, response, complaint(429, 'TOOMANYREQUESTS', 'slow down', headers));
          return true;
        },
        client: { retry: { baseMs: 200, tries: 3 } },
      });
      const blob = held('x', noise('storm', 100));
      seedBlob(memory, 'a', blob);
      const begin = performance.now();
      await Promise.all(Array.from({ length: 100 }, () => registry.hasBlob('a', blob.descriptor.digest, t)));
      const seconds = (performance.now() - begin) / 1000;
      t.diagnostic(`${seconds.toFixed(1)} s, ${memory.requests.length} requests`);
      assert.ok(seconds < 12, `${seconds} s`);
      assert.ok(memory.requests.length < 300, `${memory.requests.length} requests for 100`);
    });
  }
});

test('several clients of one host keep the pause that one of them was asked for', async (t) => {
  const memory = await startMemoryRegistry({ intercept: script('HEAD', /first/, [reply(429, { 'retry-after': '1' })]) });
  const gates = new HostGates({ baseMs: 5 });
  const [one, two] = ['one', 'two'].map(() => openRegistry({ host: memory.host, plainHttp: true }, { gates }));
  assert.ok(one !== undefined && two !== undefined);
  t.after(() => Promise.all([one.close(), two.close(), memory.stop()]));
  const digest = held('x', noise('two', 1)).descriptor.digest;
  const begin = performance.now();
  const first = one.hasBlob('first', digest, t);
  while (memory.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await two.hasBlob('second', digest, t);
  assert.ok(performance.now() - begin >= 950);
  await first;
});

test('another host, and the token server of the same, are not held up by a pause', async (t) => {
  const gates = new HostGates();
  const url = new URL('https://r.io/');
  assert.equal(gates.of(url), gates.of(new URL('https://r.io/v2/x')));
  gates.of(url).pauseAfter({ status: 429, retryAfter: '100' }, 1);
  await gates.of(new URL('https://q.io/')).pass(t.signal);
  await gates.of(url, 'token server').pass(t.signal);
  await assert.rejects(gates.of(url).pass(AbortSignal.timeout(50)));
});

test('a quota of hours that is used up ends after the tries, although others are served', () => {
  const gate = new RetryGate({ tries: 3, baseMs: 1 });
  gate.answered(200);
  assert.notEqual(gate.pauseAfter({ status: 429 }, 100), undefined, 'the host serves others');
  assert.equal(gate.pauseAfter({ status: 429, exhausted: true }, 3), undefined);
});

test('a host that says 429 and serves nobody is given up after the tries', () => {
  const gate = new RetryGate({ tries: 3, baseMs: 1 });
  gate.answered(429);
  assert.notEqual(gate.pauseAfter({ status: 429 }, 2), undefined);
  assert.equal(gate.pauseAfter({ status: 429 }, 3), undefined);
});

test('a host that closes every connection and has never answered is given up soon', () => {
  const gate = new RetryGate();
  assert.notEqual(gate.pauseAfter({ connection: 'dropped' }, 3), undefined);
  assert.equal(gate.pauseAfter({ connection: 'dropped' }, 4), undefined);
  gate.answered(200);
  assert.notEqual(gate.pauseAfter({ connection: 'dropped' }, 4), undefined);
});

test('a Retry-After beyond patience is not waited for', () => {
  assert.equal(new RetryGate({ patienceMs: 60_000 }).pauseAfter({ status: 429, retryAfter: '61' }, 1), undefined);
  assert.equal(
    new RetryGate().pauseAfter({ status: 503, retryAfter: new Date(Date.now() + 3_600_000).toUTCString() }, 1),
    undefined,
  );
});

test('kinds of trouble are counted by themselves: a registry that stumbles in several ways still gets there', async (t) => {
  const broken = { status: -1 };
  const answers = [reply(500), broken, reply(502), broken, reply(500), broken, reply(502)];
  const { memory, registry } = await startMemoryClient(t, {
    intercept: (request, response) => {
      const next = answers.shift();
      if (next === undefined) return false;
      if (next === broken) response.destroy();
      else sendReply(request, response, next as ReturnType<typeof reply>);
      return true;
    },
    client: { retry: { tries: 4, baseMs: 1 } },
  });
  const blob = held('x', noise('stumbles', 10));
  seedBlob(memory, 'a', blob);
  assert.equal(await registry.hasBlob('a', blob.descriptor.digest, t), true);
});

test('a host that keeps failing is asked more and more rarely, and as before once it serves', () => {
  const gate = new RetryGate({ baseMs: 0, capMs: 1000 });
  const next = () => gate.pauseAfter({ status: 500 }, 1);
  assert.equal(next(), 0);
  const slow = new RetryGate({ baseMs: 10 });
  const pause = (): number => {
    const until = performance.now() + 11;
    while (performance.now() < until);
    return slow.pauseAfter({ status: 500 }, 1) ?? 0;
  };
  const pauses = [pause(), pause(), pause()];
  assert.ok((pauses[0] ?? 0) <= 12 && (pauses[2] ?? 0) >= 32, String(pauses));
  for (let served = 0; served < 4; served += 1) slow.answered(200);
  assert.ok(pause() <= 12);
});

const waits: readonly [trouble: Parameters<RetryGate['pauseAfter']>[0], says: RegExp][] = [
  [{ status: 429, retryAfter: '30' }, /^r\.io asks to wait 30 s$/],
  [{ status: 429 }, /^r\.io limits requests: waiting \d+ s$/],
  [{ status: 502 }, /^r\.io fails: trying again in \d+ s$/],
  [{ connection: 'dropped' }, /^r\.io closed the connection: trying again in/],
  [{ connection: 'stalled' }, /^r\.io went silent/],
];
for (const [trouble, says] of waits) {
  test(`a long wait is told: ${says.source}`, () => {
    const told: Wait[] = [];
    const gate = new RetryGate({ baseMs: 10_000, onWait: (wait) => told.push(wait) }, 'r.io');
    gate.answered();
    gate.pauseAfter(trouble, 1);
    gate.pauseAfter(trouble, 2);
    assert.equal(told.length, 1, 'once for many requests');
    assert.match(told.map(describeWait)[0] ?? '', says);
  });
}

test('a Warning of the registry is told once, as one line', async (t) => {
  const told: string[] = [];
  const { registry } = await startMemoryClient(t, {
    intercept: (_request, response) => {
      response.setHeader('warning', [
        '299 - "this registry \\"closes\\" soon"',
        '110 - "stale", 299 - "second https://r.io/x?token=s3cret"',
      ]);
      return false;
    },
    client: { onWarning: (_host, text) => told.push(text) },
  });
  const { digest } = held('x', noise('warned', 1)).descriptor;
  await registry.hasBlob('a', digest, t);
  await registry.hasBlob('a', digest, t);
  assert.deepEqual(told, ['this registry "closes" soon', 'second https://r.io/x?…']);
});

test('short waits are not told', () => {
  const gate = new RetryGate({ onWait: () => assert.fail('half a second is nothing') }, 'r.io');
  gate.pauseAfter({ status: 500 }, 1);
});
