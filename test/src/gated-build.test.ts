import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { Lock } from '../../bundle-spec/lock.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { assertDone, runCli } from './cli.ts';
import { chartFiles, folderWith, podYaml, registryOf, seed, sha256Of, specYaml, writeFiles } from './workshop.ts';

test('what stands behind a switch is left out or travels, as images.gated says, and the lock tells', async (t) => {
  const registry = await registryOf(t);
  const { host } = registry;
  for (const name of ['api', 'report']) await seed(registry, `shop/${name}`, '1.0.0');
  const chart = chartFiles([`${host}/shop/api:1.0.0`]);
  const folder = await folderWith(t, {
    ...chart,
    'bundle.yaml': specYaml(host),
    'chart/values.yaml': `${chart['chart/values.yaml']}report: { enabled: false, image: "${host}/shop/report:1.0.0" }\n`,
    'chart/templates/report.yaml': `{{ if .Values.report.enabled }}${podYaml('report', '{{ .Values.report.image }}')}{{ end }}`,
  });
  const build = (...flags: string[]) => runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...flags], { folder });
  const readLock = async () => Lock.parse(parseYaml11(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'))[0]);
  const report = `${host}/shop/report:1.0.0`;

  await t.test('it is named, with what brings it', async () => {
    const run = await build();
    assert.match(assertDone(run), /1 image,/);
    assert.match(
      run.stderr,
      /^1 image behind switches left out, listed in the lock: a scan profile or images\.gated brings it$/m,
    );
    const gated = [{ release: 'shop', reference: report, gates: ['report.enabled=true'] }];
    assert.deepEqual((await readLock()).gated, gated);
    const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
    await bundle.close();
    assert.deepEqual(bundle.json.gated, gated);
  });

  await t.test('the same comes out of a cache and without one', async () => {
    const first = await sha256Of(join(folder, 'shop.tar'));
    const lock = await readFile(join(folder, 'bundle.lock.yaml'), 'utf8');
    for (const flags of [[], ['--no-cache'], ['--locked']]) {
      assertDone(await build(...flags));
      assert.equal(await sha256Of(join(folder, 'shop.tar')), first, flags.join());
      assert.equal(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'), lock);
    }
  });

  await t.test('it travels where a pattern takes it', async () => {
    const gated = `images: { gated: ["${host}/shop/r*", "quay.io/*"] }\n`;
    await writeFiles(folder, { 'bundle.yaml': specYaml(host, gated) });
    const run = await build();
    assert.match(assertDone(run), /2 images,/);
    assert.match(run.stderr, /^images\.gated: "quay\.io\/\*" matches no image of these charts$/m);
    assert.doesNotMatch(run.stderr, /left out/);
    const lock = await readLock();
    assert.deepEqual(lock.gated, []);
    const image = lock.images.find(({ reference }) => reference === report);
    assert.deepEqual([image?.class, image?.gates, image?.valuesPaths], ['gated', ['report.enabled=true'], ['shop:report.image']]);
  });
});
