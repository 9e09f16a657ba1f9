import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { openTransfers } from '../../images/transfer/transfers.ts';
import { held, noise } from '../registries/sample-images.ts';
import { pullInOrder, pullToFile } from './blob-calls.ts';

const blob = held('application/octet-stream', noise('hostile', 100_000));

const transfers = openTransfers({ threads: 1 });
after(() => transfers.close());

/** A registry that says whatever `talk` says, to every connection, and the client on it. */
async function startTalker(t: TestContext, talk: (socket: Socket) => void): Promise<Registry> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => talk(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry = openRegistry(
    { host, plainHttp: true },
    { retry: { tries: 2, baseMs: 5 }, timeouts: { headersMs: 300, stallMs: 300 }, transfers },
  );
  t.after(async () => {
    await registry.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return registry;
}

/** Says `begin`, then `more` as fast as the other side takes it. */
const pouring =
  (begin: string, more: string) =>
  (socket: Socket): void => {
    const piece = Buffer.from(more.repeat(Math.ceil((64 << 10) / more.length)));
    // By way of the event loop: a reader that keeps up would otherwise leave it no turn.
    const pour = (): void => void (socket.destroyed || socket.write(piece, () => setImmediate(pour)));
    socket.write(begin, pour);
  };

/** Says `begin`, then `more` again and again, slowly: never silent, never done. */
const dripping =
  (begin: string, more: string) =>
  (socket: Socket): void => {
    socket.write(begin);
    const timer = setInterval(() => socket.write(more), 20);
    socket.once('close', () => clearInterval(timer));
  };

const ok = 'HTTP/1.1 200 OK\r\n';
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;

const streams: readonly (readonly [name: string, talk: (socket: Socket) => void])[] = [
  ['headers without end', pouring(ok, 'X-More: of the same\r\n')],
  ['one header without end', pouring(`${ok}X-More: `, 'x')],
  ['a status line without end', pouring('HTTP/1.1 200 ', 'x')],
  ['interim answers without end', pouring('', 'HTTP/1.1 100 Continue\r\n\r\n')],
  ['a body of chunks without end', pouring(chunked, '10\r\n0123456789abcdef\r\n')],
  ['a chunk with an extension without end', pouring(`${chunked}1;`, 'x=y;')],
  ['a chunk that says it has all the bytes there are', pouring(`${chunked}ffffffffffffffff\r\n`, 'x')],
  ['trailers without end', pouring(`${chunked}0\r\n`, 'X-More: of the same\r\n')],
  ['a refusal without end', pouring('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n', '10\r\n0123456789abcdef\r\n')],
  ['something that is no HTTP, without end', pouring('', 'SSH-2.0-OpenSSH_9.2p1\r\n')],
];

const slow: typeof streams = [
  ['headers without end, one at a time', dripping(ok, 'X-More: of the same\r\n')],
  ['interim answers without end, one at a time', dripping('', 'HTTP/1.1 102 Processing\r\n\r\n')],
];

const questions: readonly (readonly [what: string, ask: (registry: Registry, t: TestContext) => Promise<unknown>])[] = [
  ['a manifest', (registry, t) => registry.fetchManifest('a', '1', t)],
  ['HEAD of a manifest', (registry, t) => registry.headManifest('a', '1', t)],
  ['tags', (registry, t) => registry.listTags('a', t)],
  ['a blob, into a file, by a thread', (registry, t) => pullToFile(registry, 'a', blob, t)],
  ['a blob, in order', (registry, t) => pullInOrder(registry, 'a', blob, t)],
];

for (const [name, talk] of streams) {
  test(`${name}: given up soon, and little of it is kept`, { timeout: 60_000 }, async (t) => {
    const [begin, before] = [performance.now(), process.memoryUsage().rss];
    const asked = questions.map(async ([what, ask]) => {
      const registry = await startTalker(t, talk);
      const error: unknown = await ask(registry, t).then(
        () => undefined,
        (failure) => failure,
      );
      // A HEAD has no body, so that whatever follows its head is nothing to it.
      if (error !== undefined) assert.ok(error instanceof Error && error.name === 'BundleError', `${what}: ${error}`);
      assert.ok(performance.now() - begin < 15_000, `${what} took ${performance.now() - begin} ms`);
      assert.ok(process.memoryUsage().rss - before < 80 << 20, `all took ${process.memoryUsage().rss - before} bytes`);
    });
    await Promise.all(asked);
  });
}

for (const [name, talk] of slow) {
  test(`${name}: given up when the answer does not begin in time`, { timeout: 60_000 }, async (t) => {
    await Promise.all(
      questions.map(async ([what, ask]) => {
        const registry = await startTalker(t, talk);
        const stop = AbortSignal.timeout(20_000);
        const failure: unknown = await ask(registry, { ...t, signal: stop }).then(
          () => undefined,
          (error) => error,
        );
        assert.ok(!stop.aborted && failure instanceof Error && failure.name === 'BundleError', `${what}: ${failure}`);
      }),
    );
  });
}
