import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Site } from '../../bundle-spec/site.ts';
import type { Cluster } from '../../cluster/client.ts';
import { type InstallRecord, writeRecord } from '../../cluster/install-record.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { readBase } from '../../images/bundle/delta-base.ts';
import { digestOf } from '../../images/digest.ts';
import { Reporter } from '../../job/reporter.ts';
import { record } from '../../job/steps/record.ts';
import { tempDir, tinySamples, writeShop } from '../images/sample-bundle.ts';

/** A cluster that keeps the `record.json` it is given. */
function recorder(): { readonly cluster: Cluster; readonly text: () => string } {
  let text = '';
  const apply: Cluster['apply'] = async (object) => {
    text = (object as unknown as { readonly data: Record<string, string> }).data['record.json'] ?? '';
    return object as never;
  };
  return { cluster: { apply } as Cluster, text: () => text };
}

/** A record of a bundle with so many blobs. */
function recordOf(blobs: number): InstallRecord {
  const held = Array.from({ length: blobs }, (_, n) => [digestOf(Buffer.from(`${n}`)), 'registry.example/team/shop/api:1.0']);
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'SiteReport',
    bundle: { name: 'shop', version: '1', digest: digestOf(Buffer.from('bundle.json')) },
    blobs: Object.fromEntries(held),
    tool: '0',
    installedAt: '',
    registry: { host: 'r', prefix: '' },
    releases: [],
    images: [],
  };
}

async function baseFrom(t: TestContext, text: string) {
  const file = join(await tempDir(t), 'record.json');
  await writeFile(file, text);
  return readBase(file, { signal: t.signal });
}

test('a record with all blobs is a base; one that had to leave them out is refused, never taken for a site that has all or nothing', async (t) => {
  const { cluster, text } = recorder();
  const options = { namespace: 'diolkos', signal: t.signal };
  await writeRecord(cluster, recordOf(5_000), options);
  assert.equal((await baseFrom(t, text())).held.size, 5_000);
  await writeRecord(cluster, recordOf(12_000), options);
  assert.ok(text().length < 1 << 20);
  await assert.rejects(baseFrom(t, text()), {
    code: 'LOCK_INVALID',
    message: /does not list the blobs of its images/,
    hint: /the bundle itself, or the lock/,
  });
  const empty = JSON.stringify({ ...recordOf(0), blobs: {} });
  await assert.rejects(baseFrom(t, empty), { code: 'LOCK_INVALID' });
});

test('the record of the Job holds names and digests, and nothing that the site keeps secret', async (t) => {
  const secret = randomBytes(12).toString('hex');
  const bundle = await openBundle((await writeShop(t, await tinySamples())).file, { signal: t.signal });
  t.after(() => bundle.close());
  const { cluster, text } = recorder();
  const site = Site.parse({
    apiVersion: 'diolkos.dev/v1',
    kind: 'Site',
    registry: { host: 'registry.internal', prefix: 'apps', ca: { inline: secret } },
    values: { shop: [{ inline: { password: secret } }] },
  });
  const { registry } = site;
  const reporter = new Reporter({ messageFile: join(await tempDir(t), 'message'), writeLine: () => undefined });
  process.env.REGISTRY_PASSWORD = secret;
  t.after(() => delete process.env.REGISTRY_PASSWORD);
  await record({
    options: {} as never,
    reporter,
    folder: '/',
    signal: t.signal,
    bundle,
    site,
    cluster,
    // What of a registry is a secret stays out even when the whole of it is handed over.
    target: registry,
    namespace: 'diolkos',
    installed: [{ name: 'shop', namespace: 'shop', revision: 1 }],
  });
  const made = JSON.parse(text()) as Record<string, unknown>;
  assert.deepEqual(Object.keys(made).sort(), [
    'apiVersion',
    'blobs',
    'bundle',
    'images',
    'installedAt',
    'kind',
    'registry',
    'releases',
    'tool',
  ]);
  assert.deepEqual(made.registry, { host: 'registry.internal', prefix: 'apps' });
  assert.deepEqual(Object.keys(made.bundle as object).sort(), ['digest', 'name', 'version']);
  assert.ok(!text().includes(secret), text());
});
