import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openRegistry } from '../../images/registry/registry.ts';
import { pushSample, sampleImage } from '../registries/sample-images.ts';
import { startRegistry } from '../registries/start-registry.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, sha256Of, siteYaml, specYaml } from '../src/workshop.ts';
import { type Link, type LinkOptions, openLink } from './link.ts';
import { isSample } from './series.ts';

/** Set in the namespace whose loopback drops packets. */
const lossy = process.env.DIOLKOS_LOSSY !== undefined;

/** One large layer, some of middle size, many small ones. Bytes. */
const layers = [40, 20, 6, 6, 1, ...Array.from({ length: 24 }, () => 0.02)].map((megabytes) =>
  Math.round(megabytes * 1e6 * (isSample ? 0.25 : 4)),
);
const size = layers.reduce((sum, layer) => sum + layer, 0);

/** What HTTP, TCP's own repetitions that a link sees, and manifests may add. */
const mostAgain = 0.02;

const links: readonly { readonly name: string; readonly link: Omit<LinkOptions, 'to'>; readonly alone?: boolean }[] = [
  { name: 'with a round trip of 80 ms', link: { roundTripMs: 80 } },
  {
    name: `that is cut every ${isSample ? 2 : 20} s`,
    link: { cutEveryMs: isSample ? 2_000 : 20_000, rate: isSample ? 3e6 : 5e6, roundTripMs: 10 },
  },
];

for (const { name, link } of links) test(`build and push end over a link ${name}`, (t) => carryOver(t, link));

// The same file again, in a network of its own.
test('build and push end where one packet in a hundred is lost, and a round trip takes 80 ms', { skip: lossy }, async () => {
  const rules = 'add table inet loss; add chain inet loss in { type filter hook input priority 0; }';
  const drop = 'add rule inet loss in meta l4proto tcp numgen random mod 100 < 1 counter drop';
  const script = `ip link set lo up && nft '${rules}' && nft '${drop}' && exec "$@"`;
  const inside = [
    process.execPath,
    '--test',
    '--test-name-pattern=round trip of 80 ms',
    join(import.meta.dirname, 'bad-links.test.ts'),
  ];
  const child = spawn('unshare', ['--net', '--', 'sh', '-c', script, 'sh', ...inside], {
    env: { ...process.env, DIOLKOS_LOSSY: 'true', NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  assert.match(said, /pass [1-9]/, said);
});

/** The source and the target are both behind such a link; what arrives is what was sent, and little of it came twice. */
async function carryOver(t: TestContext, link: Omit<LinkOptions, 'to'>): Promise<void> {
  const [connected, inside] = await Promise.all([startRegistry('distribution3', t), startRegistry('distribution3', t)]);
  const image = sampleImage({ seed: 'bad links', layers });
  await withRegistry(connected.host, (registry) => pushSample(registry, 'shop/api', '1', image, { signal: t.signal }));
  const source = await openLink(t, { ...link, to: connected.host });
  const target = await openLink(t, { ...link, to: inside.host });
  const folder = await folderWith(t, {
    ...chartFiles([`${source.host}/shop/api:1`]),
    'bundle.yaml': specYaml(source.host),
    'site.yaml': siteYaml(target.host),
  });
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  judge(t, 'pulled', source, source.delivered.pulled, link);
  assertDone(await runCli(['verify', 'shop.tar'], { folder }));
  assertDone(await runCli(['push', 'shop.tar', '--site', 'site.yaml'], { folder }));
  judge(t, 'pushed', target, target.delivered.pushed, link);
  const repository = `${source.host.replace(':', '_')}/shop/api`;
  await withRegistry(inside.host, async (registry) => {
    const held = await registry.headManifest(repository, '1', { signal: t.signal });
    assert.equal(typeof held === 'object' && held.digest, image.root.descriptor.digest);
  });
  t.diagnostic(`sha256 of the bundle: ${await sha256Of(join(folder, 'shop.tar'))}`);
}

function judge(t: TestContext, what: string, { cuts }: Link, bytes: number, { cutEveryMs }: Omit<LinkOptions, 'to'>): void {
  const again = bytes / size - 1;
  t.diagnostic(
    `${what} ${(bytes / 1e6).toFixed(1)} of ${(size / 1e6).toFixed(1)} MB, ${cuts()} cuts, ${(again * 100).toFixed(2)} % more`,
  );
  if (cutEveryMs !== undefined) assert.ok(cuts() > 0, 'the link was never cut');
  assert.ok(again < mostAgain, `${(again * 100).toFixed(2)} % came more than once`);
}

async function withRegistry(host: string, work: (registry: ReturnType<typeof openRegistry>) => Promise<unknown>): Promise<void> {
  const registry = openRegistry({ host, plainHttp: true });
  try {
    await work(registry);
  } finally {
    await registry.close();
  }
}
