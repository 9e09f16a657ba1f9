/** Brings a world up: see `startWorld`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, run } from '../../build/command.ts';
import { nodeAddress, nodeName, registryName } from './addresses.ts';
import { type ApiAccess, getFromApi } from './api-server.ts';
import { cgroupPath, createCgroups } from './cgroups.ts';
import { type ControlPlaneFiles, controllersAndNetwork, prepareControlPlane, storeAndApiServer } from './control-plane.ts';
import { busyboxImage, type ImageArchive } from './images.ts';
import { endLeftovers, endWorld } from './leftovers.ts';
import { identify, type ProcessIdentity } from './liveness.ts';
import { type Tools, worldTools } from './machine/tools.ts';
import { type Daemon, type DaemonOptions, entering, poll, startDaemon, startInit } from './namespaces.ts';
import { containerdSocket, prepareNode } from './node.ts';
import { prepareInsideRegistry, prepareOutsideRegistry } from './registry.ts';
import { defaultWorldName, type WorldState, worldFolder, writeOwner, writeState } from './state.ts';

export interface StartOptions {
  /** Worlds of different names run side by side. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

/** Starts a world that lives as long as this process. Resolves when its node is Ready; leaves nothing when it fails. */
export async function bringUp(options: StartOptions = {}): Promise<WorldState> {
  const { name = defaultWorldName(), signal } = options;
  if (process.getuid?.() !== 0) throw new Error('the test world lays mounts and namespaces: run it as root');
  const tools = await worldTools({ ...(signal && { signal }) });
  const pause = await busyboxImage({ ...(signal && { signal }) });
  await endLeftovers(name);
  await writeOwner(name, await identify(process.pid));
  try {
    return await new Startup(name, tools, signal).run(pause);
  } catch (error) {
    await endWorld(name);
    throw error;
  }
}

class Startup {
  readonly #name: string;
  readonly #tools: Tools;
  readonly #signal: AbortSignal | undefined;
  readonly #folder: string;
  readonly #daemons: Daemon[] = [];
  #launch: DaemonOptions = { logDir: '', cgroupProcs: [] };
  #init: ProcessIdentity = { pid: 0, startTime: '' };

  constructor(name: string, tools: Tools, signal: AbortSignal | undefined) {
    this.#name = name;
    this.#tools = tools;
    this.#signal = signal;
    this.#folder = worldFolder(name);
  }

  async run(pause: ImageArchive): Promise<WorldState> {
    const { logDir, carryDir } = await this.#layFolder();
    const cgroupProcs = await createCgroups(this.#name, 'pods');
    this.#launch = { logDir, cgroupProcs, env: { ...process.env, PATH: `${this.#tools.cluster}:${process.env.PATH}` } };
    const [init, controlPlane, inside, outside] = await Promise.all([
      startInit(this.#folder, this.#launch),
      prepareControlPlane(join(this.#folder, 'control-plane')),
      prepareInsideRegistry(this.#folder, logDir),
      prepareOutsideRegistry(this.#folder, logDir),
    ]);
    this.#init = init;
    const apiSocket = join(this.#folder, 'api.sock');
    const node = await prepareNode({
      folder: join(this.#folder, 'node'),
      kubeconfig: controlPlane.kubeconfigs.kubelet,
      pauseImage: pause.reference,
      cgroup: join(cgroupPath(this.#name), 'pods'),
      registry: inside.access,
    });

    this.#startInside({
      containerd: node.containerd,
      ...storeAndApiServer(controlPlane),
      'api-socket': ['socat', `UNIX-LISTEN:${apiSocket},fork`, `TCP:${nodeAddress}:6443`],
      'registry-inside': [this.#tools.registry, 'serve', inside.configFile],
    });
    this.#daemons.push(startDaemon('registry-outside', [this.#tools.registry, 'serve', outside.configFile], this.#launch));
    const api = await this.#apiAccess(controlPlane, apiSocket);
    await Promise.all([this.#apiReady(api), this.#importPauseImage(pause)]);
    this.#startInside({ kubelet: node.kubelet, ...controllersAndNetwork(controlPlane) });
    await this.#nodeReady(api);

    const state: WorldState = {
      name: this.#name,
      folder: this.#folder,
      owner: await identify(process.pid),
      init,
      tools: this.#tools,
      inside: inside.access,
      outside: outside.access,
      apiSocket,
      apiCaFile: controlPlane.caFile,
      adminToken: controlPlane.adminToken,
      kubeconfig: controlPlane.kubeconfigs.admin,
      carryDir,
    };
    await writeState(state);
    return state;
  }

  async #layFolder(): Promise<{ logDir: string; carryDir: string }> {
    const [logDir, carryDir] = [join(this.#folder, 'log'), join(this.#folder, 'carry')];
    for (const folder of [logDir, carryDir, join(this.#folder, 'kubelet'), join(this.#folder, 'home')]) {
      await mkdir(folder, { recursive: true });
    }
    await writeFile(join(this.#folder, 'resolv.conf'), `nameserver ${nodeAddress}\n`);
    await writeFile(join(this.#folder, 'hosts'), `127.0.0.1 localhost\n${nodeAddress} ${nodeName} ${registryName}\n`);
    return { logDir, carryDir };
  }

  #startInside(commands: Readonly<Record<string, readonly string[]>>): void {
    for (const [name, command] of Object.entries(commands)) {
      this.#daemons.push(startDaemon(name, [...entering(this.#init, this.#folder), ...command], this.#launch));
    }
  }

  async #apiAccess(controlPlane: ControlPlaneFiles, socketPath: string): Promise<ApiAccess> {
    return { socketPath, ca: await readFile(controlPlane.caFile), token: controlPlane.adminToken };
  }

  async #apiReady(api: ApiAccess): Promise<void> {
    await this.#until('the API server', () => getFromApi(api, '/readyz'));
  }

  async #importPauseImage(pause: ImageArchive): Promise<void> {
    const ctr = [...entering(this.#init, this.#folder), 'ctr', '--address', containerdSocket, '--namespace', 'k8s.io'];
    await this.#until('containerd', async () => ((await attempt([...ctr, 'version'])).code === 0 ? true : undefined));
    await run([...ctr, 'images', 'import', pause.archive]);
  }

  /** The node's word, and the service account without which no pod is admitted. */
  async #nodeReady(api: ApiAccess): Promise<void> {
    await this.#until('the node', async () => {
      const node = JSON.parse((await getFromApi(api, `/api/v1/nodes/${nodeName}`)) ?? '{}');
      const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
      return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ? true : undefined;
    });
    await this.#until('the default service account', () => getFromApi(api, '/api/v1/namespaces/default/serviceaccounts/default'));
  }

  async #until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const limits = { what, timeoutMs: 60_000, ...(this.#signal && { signal: this.#signal }) };
    return await poll(ask, this.#daemons, limits);
  }
}
