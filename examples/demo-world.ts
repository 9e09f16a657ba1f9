/**
 * The part of the demo that needs a cluster, on the Kubernetes of the tests: `npm run demo -- --world`. A vendor's registry and a
 * cluster that cannot reach it run on this machine; the tar is all that crosses. Everything ends with this process.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot } from '../build/cache.ts';
import { attempt } from '../build/command.ts';
import { checkout } from '../build/image-context.ts';
import { missingPackages } from '../test/world/machine/debian.ts';
import { carryToNode, editSite } from '../test/world/readme-install.ts';
import { layShop } from '../test/world/shop.ts';
import { startWorld, type World } from '../test/world/world.ts';

type Say = (text: string) => void;

/** Runs the demo. Throws with what to do when the machine lacks what a world is made of. */
export async function demoOnWorld(say: Say, title: Say): Promise<void> {
  const missing = await missingParts();
  if (missing.length > 0) throw new Error(`the test world lacks ${missing.join(', ')}: run "npm run world:setup" first, as root`);
  title('A Kubernetes behind a gap, and a registry in front of it');
  const world = await startWorld({ name: 'demo' });
  const stop = (): void => void world.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    await acrossTheGap(world, say, title);
  } finally {
    await world.stop();
  }
}

async function acrossTheGap(world: World, say: Say, title: Say): Promise<void> {
  say(`in front: ${world.registryOutside.host}, behind: ${world.registryInside.host}; no route leads from one to the other`);
  const connected = join(world.state.folder, 'connected');
  await layShop(world, connected);
  title('Connected side: charts, images and the installer into one tar');
  await build(world, connected, say);

  title('Behind the gap, by the commands of install/README.md');
  const tar = join(connected, 'shop.tar');
  const node = await carryToNode(
    world,
    { name: 'shop', version: '1.4.0', tar },
    {
      onTyping: (commands) => say(`\n$ ${commands.replaceAll('\n', '\n  ')}`),
      onPrinted: (text) => say(shortened(text)),
    },
  );
  await node.type(/^1\./);
  await node.type(/^2\./);
  say('\n$ vi install/30-site.yaml      # registry.host, and the CA that signed its certificate');
  await editSite(world, node);
  await node.type(/^4\./);

  title('What is there now');
  const kubectl = ['kubectl', '-n', 'shop', 'get', 'pods', '-o', 'wide'];
  say(`\n$ ${kubectl.join(' ')}\n${(await world.exec(kubectl)).stdout}`);
  say(`$ helm history shop -n shop\n${(await world.helm(4, ['history', 'shop', '-n', 'shop'])).stdout}`);
}

async function build(world: World, folder: string, say: Say): Promise<void> {
  const { username, password } = world.registryOutside;
  const env = { ...process.env, DIOLKOS_HELM: world.tools.helm4, VENDOR_NAME: username, VENDOR_PASSWORD: password };
  say('\n$ diolkos build bundle.yaml -o shop.tar');
  const command = [process.execPath, join(checkout, 'src/main.ts'), 'build', 'bundle.yaml', '-o', 'shop.tar'];
  const { code, stdout, stderr } = await attempt(command, { cwd: folder, env });
  say(`${stderr}${stdout}`.trimEnd());
  if (code !== 0) throw new Error(`diolkos build ended with ${code}`);
}

/** What `npm run world:setup` has not brought: to build it takes minutes, and is nothing for a demo to do unasked. */
async function missingParts(): Promise<string[]> {
  const cached = await readdir(cacheRoot()).catch(() => []);
  const programs = ['cluster', 'helm4', 'helm3', 'registry', 'crane', 'skopeo', 'base-images', 'busybox'];
  return [
    ...(process.platform === 'linux' && process.getuid?.() === 0 ? [] : ['Linux and root']),
    ...missingPackages(),
    ...programs.filter((name) => !cached.some((folder) => folder.startsWith(`${name}-`))),
  ];
}

/** The Job's log is long and made for programs: its beginning and its end show what it is. */
function shortened(text: string): string {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => (line.length > 160 ? `${line.slice(0, 160)}…` : line));
  return lines.length <= 16
    ? lines.join('\n')
    : [...lines.slice(0, 12), `… ${lines.length - 14} lines …`, ...lines.slice(-2)].join('\n');
}
