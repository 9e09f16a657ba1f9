import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ociManifestType } from '../../images/media-types.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { startRegistry } from '../registries/start-registry.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, registryOf, seed, siteYaml, specYaml } from '../src/workshop.ts';
import { openLink } from './link.ts';
import { killInstants, runKilled } from './series.ts';

/** More than 64 MiB, so that it goes up in chunks where the registry can continue; then small ones. */
const layers = [72_000_000, 300_000, 200_000, 100_000];
/** Bytes a second. */
const rate = 24e6;

test('a push of volumes that is killed while a blob goes up in chunks leaves no tag whose parts are missing, and the next one ends it', async (t) => {
  const connected = await registryOf(t);
  await seed(connected, 'shop/api', '1', sampleImage({ seed: 'chunks', layers }));
  const inside = await startRegistry('distribution3', t);
  const link = await openLink(t, { to: inside.host, rate });
  const folder = await folderWith(t, {
    ...chartFiles([`${connected.host}/shop/api:1`]),
    'bundle.yaml': specYaml(connected.host),
  });
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar', '--volume-size', '25MB'], { folder }));
  const push = ['push', 'shop.tar.001', '--site', 'site.yaml'];
  const toPrefix = (prefix: string) =>
    writeFile(join(folder, 'site.yaml'), siteYaml(link.host).replace(', plainHttp', `, prefix: ${prefix}, plainHttp`));
  await toPrefix('undisturbed');
  const startedAt = performance.now();
  assertDone(await runCli(push, { folder }));
  const durationMs = performance.now() - startedAt;
  const repository = `${connected.host.replace(':', '_')}/shop/api`;
  const whole = await taggedDigest(inside.host, `undisturbed/${repository}`);
  assert.ok(whole !== undefined);
  assert.ok(link.patches() > 2, `${link.patches()} chunks were sent`);
  let midway = 0;
  for (const [index, afterMs] of killInstants(t, durationMs, { sample: 1, full: 10 }).entries()) {
    await toPrefix(`kill-${index}`);
    const before = link.delivered.pushed;
    await runKilled(push, { folder }, afterMs);
    const sent = link.delivered.pushed - before;
    const left = await taggedDigest(inside.host, `kill-${index}/${repository}`);
    assert.ok(left === undefined || left === whole);
    if (sent > 1e6 && left === undefined) midway += 1;
    assertDone(await runCli(push, { folder }));
    assert.equal(await taggedDigest(inside.host, `kill-${index}/${repository}`), whole);
  }
  t.diagnostic(`${link.patches()} chunks were sent in all`);
  t.diagnostic(`${midway} of them under the bytes of the blob`);
});

/** The digest of tag `1`, of whose parts none is missing. */
async function taggedDigest(host: string, repository: string): Promise<string | undefined> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/1`, { headers: { accept: ociManifestType } });
  if (answer.status === 404) return undefined;
  assert.equal(answer.status, 200);
  const { config, layers: held } = (await answer.json()) as { config: Part; layers: Part[] };
  for (const { digest, size } of [config, ...held]) {
    const blob = await fetch(`http://${host}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' });
    assert.equal(Number(blob.headers.get('content-length')), size, `${repository} lacks ${digest}`);
  }
  return answer.headers.get('docker-content-digest') ?? undefined;
}

interface Part {
  readonly digest: string;
  readonly size: number;
}
