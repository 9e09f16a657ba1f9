import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesBody } from '../../../images/registry/blob-body.ts';
import { openRegistry } from '../../../images/registry/registry.ts';
import { openTransfers } from '../../../images/transfer/transfers.ts';
import { below } from '../../registries/below.ts';
import { held, noise } from '../../registries/sample-images.ts';
import { registryKinds, securedKinds, startRegistry } from '../../registries/start-registry.ts';
import { pullToFile } from '../blob-calls.ts';

const blobs = [0, 1, 65_536, 5_000_000].map((size) => held('application/octet-stream', noise(`of ${size} bytes`, size)));

for (const kind of registryKinds) {
  for (const tls of securedKinds.includes(kind) ? [false, true] : [false]) {
    test(`${kind}: blobs of all sizes come by threads, over ${tls ? 'TLS, with a password' : 'http'}`, async (t) => {
      const running = await startRegistry(kind, t, { tls, users: tls });
      const { host, plainHttp, ca, user } = running;
      const transfers = openTransfers({ threads: 2 });
      t.after(() => transfers.close());
      const credentials = async () => user && { from: 'the test', ...user };
      const opened = openRegistry({ host, plainHttp, credentials, ...(ca === undefined ? {} : { ca }) }, { transfers });
      t.after(() => opened.close());
      const registry = below(running.prefix, opened);
      for (const { descriptor, bytes } of blobs) await registry.pushBlob('a/b', descriptor, bytesBody(bytes, descriptor), t);
      const pulled = await Promise.all([...blobs, ...blobs].map((blob) => pullToFile(registry, 'a/b', blob, t)));
      for (const [index, bytes] of pulled.entries())
        assert.ok(bytes.equals(blobs[index % blobs.length]?.bytes ?? Buffer.from('-')));
    });
  }
}
