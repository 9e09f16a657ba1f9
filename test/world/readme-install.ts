/** The gap side as install/README.md tells it: its own commands, read from the tar and typed on the node. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, type CommandResult } from '../../build/command.ts';
import { nodeName } from './addresses.ts';
import type { TestBundle } from './bundles.ts';
import { containerdSocket } from './node.ts';
import type { World } from './world.ts';

export interface ReadmeInstall {
  /** The folder on the node that the tar was carried to. */
  readonly folder: string;
  /** Types the commands of every section whose title matches, in order; throws when one fails. Gives what the last block printed. */
  type(title: RegExp): Promise<string>;
}

/** Called with each block of commands before it is typed, and with what it printed. */
export interface Typing {
  readonly onTyping?: (commands: string) => void;
  readonly onPrinted?: (text: string) => void;
}

/** Carries the tar to a folder of its own on the node, where the README's `tar xf shop.tar install` finds it. */
export async function carryToNode(
  world: World,
  bundle: Pick<TestBundle, 'name' | 'version' | 'tar'>,
  { onTyping, onPrinted }: Typing = {},
): Promise<ReadmeInstall> {
  const folder = join(world.state.carryDir, `${bundle.name}-${bundle.version}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const carried = await world.carry(bundle.tar);
  await inside(world, folder, `mv ${carried} shop.tar && tar xf shop.tar install`);
  const readme = await readFile(join(folder, 'install/README.md'), 'utf8');
  return {
    folder,
    type: async (title) => {
      const blocks = codeBlocks(readme, title);
      if (blocks.length === 0) throw new Error(`install/README.md has no commands under ${title}`);
      let printed = '';
      for (const block of blocks.map((text) => filledIn(world, text))) {
        onTyping?.(block.replaceAll(world.registryInside.password, '…'));
        printed = (await inside(world, folder, block.replace(/^ctr /gm, `ctr --address ${containerdSocket} `))).stdout;
        onPrinted?.(printed);
      }
      return printed;
    },
  };
}

/** What a person does under "3. The site": names the registry and the CA that signed its certificate. */
export async function editSite(world: World, { folder }: Pick<ReadmeInstall, 'folder'>, values?: object): Promise<void> {
  const file = join(folder, 'install/30-site.yaml');
  const ca = await readFile(world.registryInside.caFile, 'utf8');
  const text = await readFile(file, 'utf8');
  await writeFile(file, editedSite(text, { host: world.registryInside.host, ca, ...(values && { values }) }));
}

/** The sample site with the registry of a site; comment signs are taken away where the sample says so. */
export function editedSite(text: string, site: { readonly host: string; readonly ca: string; readonly values?: object }): string {
  const [indent = ''] = /^ *(?=# ca:$)/m.exec(text) ?? [];
  const ca = [
    'ca:',
    '  inline: |',
    ...site.ca
      .trim()
      .split('\n')
      .map((line) => `    ${line}`),
  ];
  const withCa = text.replace(/^ *# ca:\n(?: *# .*\n)*/m, () => `${ca.map((line) => `${indent}${line}`).join('\n')}\n`);
  const edited = withCa.replace('registry.internal:5000', site.host);
  return site.values === undefined ? edited : edited.replace('values: {}', () => `values: ${JSON.stringify(site.values)}`);
}

async function inside(world: World, folder: string, script: string): Promise<CommandResult> {
  const command = ['sh', '-ec', `cd ${folder}\n${script}`];
  const result = await world.exec(command);
  if (result.code !== 0) throw new CommandError(command, result);
  return result;
}

/** Blocks that are indented by four, below headings that match. */
export function codeBlocks(readme: string, title: RegExp): string[] {
  const sections = readme.split(/^## /m).filter((section) => title.test(section.split('\n', 1)[0] ?? ''));
  return sections.flatMap((section) =>
    [...section.matchAll(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)].map(([block]) => block.replace(/^ {4}/gm, '').trim()),
  );
}

function filledIn(world: World, commands: string): string {
  const { host, username, password } = world.registryInside;
  return commands
    .replaceAll('registry.internal:5000', host)
    .replace('USER', username)
    .replace('PASSWORD', password)
    .replace('node NODE', `node ${nodeName}`);
}
