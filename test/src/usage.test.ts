import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { program } from '../../src/main.ts';
import { assertDone, assertFailed, runCli, startCli } from './cli.ts';
import { folderWith } from './workshop.ts';

const root = join(import.meta.dirname, '../..');
const commands = program(new AbortController().signal).commands.map((command) => command.name());

const badUsage: readonly { readonly name: string; readonly args: readonly string[]; readonly says: RegExp }[] = [
  { name: 'no command', args: [], says: /Usage: diolkos \[options\] \[command\][\s\S]*build/ },
  { name: 'an unknown command', args: ['biuld'], says: /unknown command 'biuld'[\s\S]*Did you mean build\?/ },
  { name: 'an unknown flag', args: ['build', 'bundle.yaml', '-o', 'x.tar', '--lock'], says: /unknown option '--lock'/ },
  {
    name: 'a build without an output',
    args: ['build', 'bundle.yaml'],
    says: /required option '-o, --output <file>' not specified/,
  },
  { name: 'a build without a spec', args: ['build', '-o', 'x.tar'], says: /missing required argument 'spec'/ },
  { name: 'two specs', args: ['images', 'a.yaml', 'b.yaml'], says: /a\.yaml is a spec, and a spec is given alone/ },
  { name: 'an unknown format', args: ['inspect', 'x.tar', '--format', 'xml'], says: /Allowed choices are text, json/ },
  { name: 'a push without a site', args: ['push', 'x.tar'], says: /required option '--site <file>' not specified/ },
];
for (const { name, args, says } of badUsage) {
  test(`${name} is bad usage`, async (t) => {
    const run = await runCli(args, { folder: await folderWith(t, {}) });
    assert.equal(run.code, 64, run.stderr);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, says);
  });
}

for (const command of commands) {
  test(`${command} --help has examples`, async (t) => {
    const help = assertDone(await runCli([command, '--help'], { folder: await folderWith(t, {}) }));
    assert.match(help, new RegExp(`^Usage: diolkos ${command} `));
    assert.match(help, new RegExp(`Examples:\\n {2}\\$ diolkos ${command} `));
  });
}

test('every command has --format', () => {
  const formats = program(new AbortController().signal).commands.map((command) => {
    return command.options.some(({ long }) => long === '--format');
  });
  assert.deepEqual(new Set(formats), new Set([true]));
});

test('--version is that of the package', async (t) => {
  const { default: packageJson } = await import('../../package.json', { with: { type: 'json' } });
  assert.equal(assertDone(await runCli(['--version'], { folder: await folderWith(t, {}) })), `${packageJson.version}\n`);
});

test('docs/cli.md is what the program says', async () => {
  await promisify(execFile)(process.execPath, [join(root, 'build/cli-docs.ts'), '--check']);
});

test('an output that is the spec, or its lock, is refused', async (t) => {
  const spec =
    'apiVersion: diolkos.dev/v1\nkind: Bundle\nmetadata: { name: a, version: "1" }\ntarget: { kubernetes: ["1.36"] }\nreleases: [{ name: a, namespace: a, chart: { path: a } }]\n';
  const folder = await folderWith(t, { 'bundle.yaml': spec });
  for (const output of ['./bundle.yaml', 'bundle.lock.yaml']) {
    const run = await runCli(['build', 'bundle.yaml', '-o', output], { folder });
    assertFailed(run, { error: 'USAGE_INVALID', exit: 64, says: ['would replace what the bundle is built from'] });
  }
});

test('a reader that leaves early is no failure', async (t) => {
  const child = await startCli(['--help'], { folder: await folderWith(t, {}) });
  child.stdout?.destroy();
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual({ code, said }, { code: 0, said: '' });
});

test('a full disk behind stdout is told', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async (t) => {
  const full = await open('/dev/full', 'w');
  t.after(() => full.close());
  const folder = await folderWith(t, {});
  const run = await runCli(['--help'], { folder, stdout: full.fd });
  assertFailed(run, { error: 'FILE_UNWRITABLE', says: ['the output cannot be written', 'ENOSPC'] });
});
