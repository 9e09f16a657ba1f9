/** Brings a world up: see `startWorld`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, run } from '../../build/command.ts';
import { nodeAddress, nodeName, registryName } from './addresses.ts';
import { type ApiAccess, getFromApi } from './api-server.ts';
import { cgroupPath, createCgroups } from './cgroups.ts';
import { controllersAndNetwork, prepareControlPlane, storeAndApiServer } from './control-plane.ts';
import { type Daemon, type LaunchOptions, poll, startDaemon } from './daemons.ts';
import { busyboxImage, type ImageArchive } from './images.ts';
import { endLeftovers, endWorld } from './leftovers.ts';
import { identify } from './liveness.ts';
import { type Tools, worldTools } from './machine/tools.ts';
import { entering, startInit } from './namespaces.ts';
import { containerdSocket, prepareNode } from './node.ts';
import { prepareInsideRegistry, prepareOutsideRegistry } from './registry.ts';
import { defaultWorldName, type WorldState, worldFolder, writeOwner, writeState } from './state.ts';

export interface StartOptions {
  /** Worlds of different names run side by side. Default: one for each checkout. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

/** Starts a world that lives as long as this process. Resolves when its node is Ready; leaves nothing when it fails. */
export async function bringUp(options: StartOptions = {}): Promise<WorldState> {
  const { name = defaultWorldName(), ...io } = options;
  if (process.getuid?.() !== 0) throw new Error('the test world lays mounts and namespaces: run it as root');
  const tools = await worldTools(io);
  const pause = await busyboxImage(io);
  await endLeftovers(name);
  await writeOwner(name, await identify(process.pid));
  try {
    const state = await start({ name, tools, pause, folder: worldFolder(name), signal: options.signal });
    await writeState(state);
    return state;
  } catch (error) {
    await endWorld(name);
    throw error;
  }
}

interface Plan {
  readonly name: string;
  readonly tools: Tools;
  readonly pause: ImageArchive;
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

async function start(plan: Plan): Promise<WorldState> {
  const { name, tools, folder } = plan;
  const { logDir, carryDir } = await layFolder(folder);
  const env = { ...process.env, PATH: `${tools.cluster}:${process.env.PATH}` };
  const launch = { logDir, env, cgroupProcs: await createCgroups(name, 'pods') };
  const [init, controlPlane, inside, outside] = await Promise.all([
    startInit(folder, launch),
    prepareControlPlane(join(folder, 'control-plane')),
    prepareInsideRegistry(folder, logDir),
    prepareOutsideRegistry(folder, logDir),
  ]);
  const node = await prepareNode({
    folder: join(folder, 'node'),
    kubeconfig: controlPlane.kubeconfigs.kubelet,
    pauseImage: plan.pause.reference,
    cgroup: join(cgroupPath(name), 'pods'),
    registry: inside.access,
  });
  const apiSocket = join(folder, 'api.sock');
  const enter = entering(init, folder);

  const daemons = [
    startDaemon('registry-outside', [tools.registry, 'serve', outside.configFile], launch),
    ...startAll(enter, launch, {
      containerd: node.containerd,
      ...storeAndApiServer(controlPlane),
      'api-socket': ['socat', `UNIX-LISTEN:${apiSocket},fork`, `TCP:${nodeAddress}:6443`],
      'registry-inside': [tools.registry, 'serve', inside.configFile],
    }),
  ];
  const api = { socketPath: apiSocket, ca: await readFile(controlPlane.caFile), token: controlPlane.adminToken };
  const answers = (path: string) => () => getFromApi(api, path);
  const until: Until = (what, ask) => poll(ask, daemons, { what, timeoutMs: 60_000, signal: plan.signal });
  await Promise.all([until('the API server', answers('/readyz')), importPauseImage(enter, plan.pause, until)]);

  daemons.push(...startAll(enter, launch, { kubelet: node.kubelet, ...controllersAndNetwork(controlPlane) }));
  await until('the node', () => isNodeReady(api));
  // Without it no pod is admitted.
  await until('the default service account', answers('/api/v1/namespaces/default/serviceaccounts/default'));

  return {
    name,
    folder,
    tools,
    init,
    apiSocket,
    carryDir,
    owner: await identify(process.pid),
    inside: inside.access,
    outside: outside.access,
    apiCaFile: controlPlane.caFile,
    adminToken: controlPlane.adminToken,
    kubeconfig: controlPlane.kubeconfigs.admin,
  };
}

type Until = <T>(what: string, ask: () => Promise<T | undefined>) => Promise<T>;

async function layFolder(folder: string): Promise<{ logDir: string; carryDir: string }> {
  const [logDir, carryDir] = [join(folder, 'log'), join(folder, 'carry')];
  for (const path of [logDir, carryDir, join(folder, 'kubelet'), join(folder, 'home'), join(folder, 'bundles')])
    await mkdir(path, { recursive: true });
  await writeFile(join(folder, 'resolv.conf'), `nameserver ${nodeAddress}\n`);
  await writeFile(join(folder, 'hosts'), `127.0.0.1 localhost\n${nodeAddress} ${nodeName} ${registryName}\n`);
  return { logDir, carryDir };
}

function startAll(enter: readonly string[], launch: LaunchOptions, commands: Readonly<Record<string, string[]>>): Daemon[] {
  return Object.entries(commands).map(([name, command]) => startDaemon(name, [...enter, ...command], launch));
}

async function importPauseImage(enter: readonly string[], pause: ImageArchive, until: Until): Promise<void> {
  const ctr = [...enter, 'ctr', '--address', containerdSocket, '--namespace', 'k8s.io'];
  await until('containerd', async () => ((await attempt([...ctr, 'version'])).code === 0 ? true : undefined));
  await run([...ctr, 'images', 'import', pause.archive]);
}

async function isNodeReady(api: ApiAccess): Promise<true | undefined> {
  const node = JSON.parse((await getFromApi(api, `/api/v1/nodes/${nodeName}`)) ?? '{}');
  const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ? true : undefined;
}
