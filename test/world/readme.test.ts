import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { attempt } from '../../build/command.ts';
import { checkout } from '../../build/image-context.ts';
import { carryToNode, editSite, type ReadmeInstall } from './readme-install.ts';
import { layShop } from './shop.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
const connected = join(world.state.folder, 'connected/shop');

test('the transcript at the top of README.md is what happens', async () => {
  await layShop(world, connected);
  let node: ReadmeInstall | undefined;
  for (const { command, output } of await readTranscript()) {
    const program = command.split(' ')[0];
    if (program === 'tar') node = await carryToNode(world, { name: 'shop', version: '1.4.0', tar: join(connected, 'shop.tar') });
    const printed = await typed(command, node);
    assert.deepEqual(masked(printed), masked(output), command);
    // "Each step": what the transcript leaves to install/README.md.
    if (program === 'tar') for (const step of [/^1\./, /^2\./]) await node?.type(step);
  }
});

interface Step {
  readonly command: string;
  readonly output: string;
}

/** The first indented block of README.md: commands after `$ `, without the comments that follow them, and what they print. */
async function readTranscript(): Promise<Step[]> {
  const readme = await readFile(join(checkout, 'README.md'), 'utf8');
  const block = /(?:^ {4}.*\n|^\n(?= {4}))+/m.exec(readme)?.[0] ?? '';
  const steps = block.replace(/^ {4}/gm, '').split(/^\$ /m).slice(1);
  return steps.map((step) => {
    const [command = '', ...output] = step.split('\n');
    return { command: command.replace(/ {2,}#.*$/, ''), output: output.join('\n') };
  });
}

/** On the connected side before the tar is carried, on the node afterwards; an editor is the person at it. */
async function typed(command: string, node: ReadmeInstall | undefined): Promise<string> {
  if (node === undefined) return await onConnectedSide(command);
  if (command.startsWith('vi ')) {
    await editSite(world, node);
    return '';
  }
  const { stdout } = await world.exec(['sh', '-c', `cd ${node.folder} && ${command} 2>&1`]);
  return stdout;
}

async function onConnectedSide(command: string): Promise<string> {
  const { username, password } = world.registryOutside;
  const login = { VENDOR_NAME: username, VENDOR_PASSWORD: password };
  const program = `diolkos() { '${process.execPath}' '${join(checkout, 'src/main.ts')}' "$@"; }`;
  const env = { ...process.env, ...login, DIOLKOS_HELM: world.tools.helm4 };
  return (await attempt(['sh', '-c', `${program}\n${command} 2>&1`], { cwd: connected, env })).stdout;
}

/** Sizes, times and numbers of blobs differ from one machine to the next. */
function masked(text: string): string[] {
  const lines = text.trim().split('\n');
  return lines.map((line) =>
    line
      .replace(/\d+(\.\d+)? ([kMG]?B)\b/g, 'N $2')
      .replace(/\bin \d+s\b/g, 'in Ns')
      .replace(/\d+ blobs/g, 'N blobs'),
  );
}
