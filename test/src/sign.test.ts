import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { minisignSample } from '../images/sample-keys.ts';
import type { MemoryRegistry } from '../registries/memory-registry.ts';
import { assertDone, assertFailed, type CliOptions, runCli } from './cli.ts';
import { registryOf, sha256Of, siteYaml, specYaml, tagsOf, workshop, writeFiles } from './workshop.ts';

const run = promisify(execFile);
const secrets = { SHOP_KEY: minisignSample.password };
const signNow = 'sign: { minisign: { secretKey: keys/shop.key, password: { env: SHOP_KEY } } }\n';
const keyFiles = { 'keys/shop.key': minisignSample.encryptedKey, 'shop.pub': `${minisignSample.publicKey}\n` };
const otherKey = 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3';

/** The workshop, with a key and a spec that says how the bundle is signed. */
async function signingShop(t: TestContext, sign: string): Promise<{ registry: MemoryRegistry; folder: string }> {
  const shop = await workshop(t);
  await writeFiles(shop.folder, { ...keyFiles, 'bundle.yaml': specYaml(shop.registry.host, sign) });
  return shop;
}

function built(folder: string, env: CliOptions['env'] = secrets) {
  return runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder, env });
}

test('a build signs; verify and inspect say by whom; the same again is the same file', async (t) => {
  const { folder } = await signingShop(t, signNow);
  assertDone(await built(folder));
  const first = await sha256Of(join(folder, 'shop.tar'));
  const proven = `signed by minisign key ${minisignSample.id}\n`;
  assert.ok(assertDone(await runCli(['verify', 'shop.tar', '--key', 'shop.pub'], { folder })).endsWith(proven));
  assert.match(assertDone(await runCli(['verify', 'shop.tar'], { folder })), new RegExp(`${minisignSample.id} as it says`));
  assert.match(assertDone(await runCli(['inspect', 'shop.tar'], { folder })), new RegExp(minisignSample.id));
  const json = JSON.parse(assertDone(await runCli(['verify', 'shop.tar', '--key', 'shop.pub', '--format', 'json'], { folder })));
  assert.deepEqual(json.signedBy, { kind: 'minisign', keyId: minisignSample.id, proven: true });
  assertDone(await built(folder));
  assert.equal(await sha256Of(join(folder, 'shop.tar')), first);
});

test('nothing of a secret key or its password is in the bundle, the lock, or what is printed', async (t) => {
  const { folder } = await signingShop(t, signNow);
  const { stdout, stderr } = await built(folder);
  const told = [
    stdout,
    stderr,
    await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'),
    await readFile(join(folder, 'shop.tar'), 'latin1'),
  ];
  const secret = [minisignSample.password, ...minisignSample.encryptedKey.split('\n'), ...minisignSample.secretKey.split('\n')];
  for (const text of told) for (const one of secret.filter((line) => line.length > 8)) assert.ok(!text.includes(one));
});

test('a bundle that is signed later is the one that is signed at once', async (t) => {
  const { folder } = await signingShop(t, 'sign: { minisign: { later: true } }\n');
  const { stderr } = await built(folder);
  assert.match(stderr, /not signed yet: diolkos sign shop\.tar/);
  assertFailed(await runCli(['verify', 'shop.tar', '--key', 'shop.pub'], { folder }), {
    error: 'SIGNATURE_INVALID',
    says: ['shop.tar is not signed yet', minisignSample.id],
  });
  assertDone(
    await runCli(['sign', 'shop.tar', '--key', 'keys/shop.key', '--password-env', 'SHOP_KEY'], { folder, env: secrets }),
  );
  assertDone(await runCli(['verify', 'shop.tar', '--key', 'shop.pub'], { folder }));
  const later = await sha256Of(join(folder, 'shop.tar'));
  // A signature that was made elsewhere, where only bundle.json was taken to.
  await run('tar', ['-xf', 'shop.tar', 'bundle.json.minisig'], { cwd: folder });
  assertDone(await runCli(['sign', 'shop.tar', '--signature', 'bundle.json.minisig', '--again'], { folder }));
  assert.equal(await sha256Of(join(folder, 'shop.tar')), later);
});

const sites = [
  { name: 'one that names the key by file', site: 'signedBy: [{ file: shop.pub }]\n', taken: true },
  {
    name: 'one that names it inline, after another',
    site: `signedBy: [{ inline: ${otherKey} }, { inline: ${minisignSample.publicKey} }]\n`,
    taken: true,
  },
  { name: 'one without keys', site: '', taken: true },
  { name: 'one that knows another key', site: `signedBy: [{ inline: ${otherKey} }]\n`, taken: false },
];
for (const { name, site, taken } of sites) {
  test(`a site ${taken ? 'takes' : 'refuses'} a signed bundle: ${name}`, async (t) => {
    const { folder } = await signingShop(t, signNow);
    const target = await registryOf(t);
    await writeFiles(folder, { 'site.yaml': siteYaml(target.host, site) });
    assertDone(await built(folder));
    for (const command of ['push', 'verify']) {
      const result = await runCli([command, 'shop.tar', '--site', 'site.yaml'], { folder });
      if (taken) assertDone(result);
      else
        assertFailed(result, {
          error: 'SIGNATURE_INVALID',
          says: [minisignSample.id, 'E7620F1842B4E81F', 'signedBy'],
        });
    }
    assert.equal(tagsOf(target).length > 0, taken);
  });
}

test('a site with keys refuses a bundle that nobody signed, and nothing is pushed', async (t) => {
  const { folder } = await signingShop(t, '');
  const target = await registryOf(t);
  await writeFiles(folder, { 'site.yaml': siteYaml(target.host, 'signedBy: [{ file: shop.pub }]\n') });
  assertDone(await built(folder));
  for (const command of ['push', 'verify']) {
    const result = await runCli([command, 'shop.tar', '--site', 'site.yaml'], { folder });
    assertFailed(result, { error: 'SIGNATURE_INVALID', says: ['shop.tar is not signed', 'asked whoever made it'] });
  }
  assert.deepEqual(tagsOf(target), []);
});

test('the manifests for a site bring its keys inline', async (t) => {
  const { folder } = await signingShop(t, signNow);
  const place = 'bundle: { hostPath: { path: /srv/shop.tar } }\n';
  await writeFiles(folder, { 'site.yaml': siteYaml('registry.internal', `${place}signedBy: [{ file: shop.pub }]\n`) });
  assertDone(await built(folder));
  const manifest = assertDone(await runCli(['manifest', 'shop.tar', '--site', 'site.yaml'], { folder }));
  assert.ok(manifest.includes(minisignSample.publicKey));
  assert.ok(!manifest.includes('shop.pub'));
});

/** Specs whose key cannot sign: told before anything is fetched. */
const unusable = [
  { name: 'no key file', sign: signNow.replace('shop.key', 'gone.key'), error: 'FILE_UNREADABLE', says: ['keys/gone.key'] },
  {
    name: 'no password',
    sign: 'sign: { minisign: { secretKey: keys/shop.key } }\n',
    error: 'CREDENTIALS_INVALID',
    says: ['is encrypted', 'password: { env: NAME }'],
  },
  {
    name: 'a variable that is not set',
    sign: signNow.replace('SHOP_KEY', 'NO_KEY'),
    error: 'CREDENTIALS_INVALID',
    says: ['NO_KEY', 'is not set'],
  },
  {
    name: 'a wrong password',
    sign: signNow,
    env: { SHOP_KEY: 'wrong horse' },
    error: 'CREDENTIALS_INVALID',
    says: ['does not open keys/shop.key'],
  },
  {
    name: 'a public key',
    sign: 'sign: { minisign: { secretKey: shop.pub } }\n',
    error: 'SIGNATURE_INVALID',
    says: ['no secret key of minisign'],
  },
  {
    name: 'no cosign',
    sign: 'sign: { cosign: { key: cosign.key } }\n',
    env: { DIOLKOS_COSIGN: '/no/cosign' },
    error: 'SIGNATURE_INVALID',
    says: ['cosign cannot be started', 'cosign 3'],
  },
  {
    name: 'two ways',
    sign: 'sign: { minisign: { later: true }, cosign: { later: true } }\n',
    error: 'SPEC_INVALID',
    says: ['sign'],
  },
];
for (const { name, sign, env = secrets, error, says } of unusable) {
  test(`a spec that cannot sign: ${name}`, async (t) => {
    const { folder, registry } = await signingShop(t, sign);
    const before = registry.requests.length;
    assertFailed(await built(folder, env), { error, says });
    assert.equal(registry.requests.length, before);
  });
}

test('the README of install/ shows how to check a bundle; its commands find a changed file', async (t) => {
  const { folder } = await signingShop(t, '');
  assertDone(await built(folder));
  const readme = (await run('tar', ['-xOf', 'shop.tar', 'install/README.md'], { cwd: folder })).stdout;
  const section = readme.slice(readme.indexOf('## Before anything else'), readme.indexOf('## 1.'));
  const blocks = [...section.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block.replace(/^ {4}/gm, ''));
  assert.equal(blocks.length, 2);
  const { stdout } = await run('sh', ['-ec', blocks.join('\n')], { cwd: folder });
  const checked = ['bundle.json', 'oci-layout', 'index.json', 'manifest.json', 'install/60-job.yaml', 'install/README.md'];
  for (const name of checked) assert.ok(stdout.includes(`${name}: OK\n`), name);
  await writeFiles(folder, { 'install/60-job.yaml': 'kind: Job\n' });
  await assert.rejects(run('sh', ['-ec', blocks[1] ?? ''], { cwd: folder }), { stdout: /install\/60-job.yaml: FAILED/ });
});

test('what is signed later has neither volumes nor checksums yet, which is told before anything is pulled', async (t) => {
  const { folder, registry } = await signingShop(t, 'sign: { minisign: { later: true } }\n');
  const before = registry.requests.length;
  for (const flags of [['--volume-size', '1MB'], ['--sha256sums']]) {
    const run = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...flags], { folder });
    assertFailed(run, { error: 'USAGE_INVALID', exit: 64, says: ['a later signature changes', 'split -b'] });
  }
  assert.equal(registry.requests.length, before);
});

test('volumes that split makes of a signed file prove its signature; they are not signed themselves', async (t) => {
  const { folder } = await signingShop(t, signNow);
  assertDone(await built(folder));
  await run('split', ['-b', '40000', '--numeric-suffixes=1', '-a', '3', 'shop.tar', 'parts.tar.'], { cwd: folder });
  // One key before the bundle and one behind it: a flag takes no more than its own.
  const keys = ['--key', 'shop.pub', 'parts.tar.001', '--key', 'shop.pub'];
  const proven = new RegExp(`signed by minisign key ${minisignSample.id}\n$`);
  assert.match(assertDone(await runCli(['verify', ...keys], { folder })), proven);
  const signing = ['sign', 'parts.tar', '--key', 'keys/shop.key', '--password-env', 'SHOP_KEY', '--again'];
  const signed = await runCli(signing, { folder, env: secrets });
  assertFailed(signed, { error: 'FILE_UNWRITABLE', says: ['volumes are split from it afterwards'] });
});
