/** minisign and cosign as they are: what install/README.md tells people to run, and signatures made by either side. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { attempt, type CommandResult, run } from '../../build/command.ts';
import { assertDone, assertFailed, type CliRun, runCli } from '../src/cli.ts';
import { specYaml, workshop, writeFiles } from '../src/workshop.ts';
import { makers } from './machine/tools.ts';

const password = 'correct horse battery';
const cosign = await makers.cosign({});
const env = { SHOP_PASSWORD: password, DIOLKOS_COSIGN: cosign, PATH: `${dirname(cosign)}:${process.env.PATH ?? ''}` };

/** A workshop with key pairs of both programs, whose spec says how the bundle is signed. */
async function signingShop(t: TestContext, sign: string): Promise<string> {
  const { folder, registry } = await workshop(t);
  await writeFiles(folder, { 'bundle.yaml': specYaml(registry.host, sign) });
  await run(['minisign', '-G', '-p', 'minisign.pub', '-s', 'minisign.key'], { cwd: folder, input: `${password}\n${password}\n` });
  await run([cosign, 'generate-key-pair'], { cwd: folder, env: { ...process.env, COSIGN_PASSWORD: password } });
  return folder;
}

function cli(folder: string, ...args: readonly string[]): Promise<CliRun> {
  return runCli(args, { folder, env });
}

/** The commands of the README that the bundle brings, typed in an empty folder that has no network. */
async function readmeCommands(folder: string): Promise<string> {
  const readme = (await run(['tar', '-xOf', 'shop.tar', 'install/README.md'], { cwd: folder })).stdout;
  const section = readme.slice(readme.indexOf('## Before anything else'), readme.indexOf('## 1.'));
  const commands = [...section.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block.replace(/^ {4}/gm, '')).join('');
  const [, key = ''] = /^(RW\S+)$/m.exec(await readFile(join(folder, 'minisign.pub'), 'utf8')) ?? [];
  return commands.replace('PUBLIC_KEY', key);
}

function typed(folder: string, commands: string): Promise<CommandResult> {
  return attempt(['unshare', '--net', '--', 'sh', '-ec', commands], { cwd: folder, env: { ...process.env, ...env } });
}

const ways = [
  {
    name: 'minisign',
    sign: 'sign: { minisign: { secretKey: minisign.key, password: { env: SHOP_PASSWORD } } }\n',
    key: 'minisign.pub',
    entry: 'bundle.json.minisig',
    says: /Signature and comment signature verified/,
  },
  {
    name: 'cosign',
    sign: 'sign: { cosign: { key: cosign.key, password: { env: SHOP_PASSWORD } } }\n',
    key: 'cosign.pub',
    entry: 'bundle.json.sigstore.json',
    says: /Verified OK/,
  },
];
for (const { name, sign, key, entry, says } of ways) {
  test(`the README's commands prove a bundle signed for ${name}, and refuse one that was changed`, async (t) => {
    const folder = await signingShop(t, sign);
    assertDone(await cli(folder, 'build', 'bundle.yaml', '-o', 'shop.tar'));
    assertDone(await cli(folder, 'verify', 'shop.tar', '--key', key));
    const commands = await readmeCommands(folder);
    const good = await typed(folder, commands);
    assert.equal(good.code, 0, good.stderr);
    assert.match(`${good.stdout}${good.stderr}`, says);
    for (const file of ['bundle.json', entry, 'index.json', 'install/60-job.yaml']) {
      assert.ok(good.stdout.includes(`${file}: OK\n`), file);
    }
    const behind = commands.slice(commands.indexOf('\n') + 1);
    const json = await readFile(join(folder, 'bundle.json'), 'utf8');
    await writeFile(join(folder, 'bundle.json'), json.replace('"shop"', '"chop"'));
    assert.notEqual((await typed(folder, behind.split('\n', 1)[0] ?? '')).code, 0);
  });

  test(`a signature that ${name} made elsewhere is put into the bundle`, async (t) => {
    const folder = await signingShop(t, `sign: { ${name}: { later: true } }\n`);
    assertDone(await cli(folder, 'build', 'bundle.yaml', '-o', 'shop.tar'));
    await run(['tar', '-xf', 'shop.tar', 'bundle.json'], { cwd: folder });
    if (name === 'minisign') {
      await run(['minisign', '-S', '-s', 'minisign.key', '-m', 'bundle.json'], { cwd: folder, input: `${password}\n` });
    } else {
      const flags = ['--key', 'cosign.key', '--bundle', entry, '--use-signing-config=false', '--tlog-upload=false', '--yes'];
      const secret = { ...process.env, COSIGN_PASSWORD: password };
      await run([cosign, 'sign-blob', ...flags, 'bundle.json'], { cwd: folder, env: secret });
    }
    assertFailed(await cli(folder, 'verify', 'shop.tar', '--key', key), { error: 'SIGNATURE_INVALID', says: ['not signed yet'] });
    assertDone(await cli(folder, 'sign', 'shop.tar', '--signature', entry));
    assertDone(await cli(folder, 'verify', 'shop.tar', '--key', key));
    assert.equal((await typed(folder, await readmeCommands(folder))).code, 0);
  });
}

test('a wrong password of a cosign key is told in its words, without the password', async (t) => {
  const folder = await signingShop(t, ways[1]?.sign ?? '');
  // Told before anything is asked of the registry, which is not there.
  await writeFiles(folder, { 'bundle.yaml': specYaml('registry.invalid', ways[1]?.sign) });
  const wrong = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], {
    folder,
    env: { ...env, SHOP_PASSWORD: 'wrong horse' },
  });
  assertFailed(wrong, { error: 'SIGNATURE_INVALID', says: ['cosign does not sign', 'decrypt'] });
  assert.ok(!`${wrong.stdout}${wrong.stderr}`.includes('wrong horse'));
});
