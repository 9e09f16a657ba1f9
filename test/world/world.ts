/**
 * A world: a real Kubernetes with a registry of its own behind a gap, and another registry in front of it.
 * Test files call `connectWorld()`; `test/world/setup.ts` starts the one they share.
 */
import { constants, copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { attempt, type CommandOptions, type CommandResult, run } from '../../build/command.ts';
import type { ImageArchive } from './images.ts';
import { endWorld } from './leftovers.ts';
import type { Tools } from './machine/tools.ts';
import { entering } from './namespaces.ts';
import { containerdSocket } from './node.ts';
import { bringUp, type StartOptions } from './start.ts';
import { type RegistryAccess, readState, stateFile, stateVariable, type WorldState } from './state.ts';

export type Side = 'inside' | 'outside';

/** Commands resolve whatever their exit code; `code` tells. */
export interface World {
  readonly state: WorldState;
  readonly tools: Tools;
  /** The registry behind the gap, `registry.gap.test:5000`: reached from pods, the node and `exec`, and by nothing else. */
  readonly registryInside: RegistryAccess;
  /** The registry in front of the gap, on the host's loopback: reached by the tests, and from nothing inside. */
  readonly registryOutside: RegistryAccess;
  /** Runs a program of this machine inside: same files, but the network and the processes of the world. */
  exec(command: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  helm(major: 3 | 4, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** `ctr` against the node's containerd, as one types it there: give `-n k8s.io` yourself. */
  ctr(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** `crane`, logged in to the registry of that side. */
  crane(side: Side, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Copies an image into a registry as `<host>/<name>` and returns that reference. `name` has a tag. */
  pushImage(side: Side, image: ImageArchive, name: string, options?: { signal?: AbortSignal }): Promise<string>;
  /** The repositories of a registry. */
  catalog(side: Side): Promise<string[]>;
  /** What a registry logged: one line a request, with method, path and status. */
  registryLog(side: Side): Promise<string>;
  /** Carries a file over the gap. Returns its path on the node. */
  carry(file: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a world that lives as long as this process; see `StartOptions`. What an earlier run left is ended first. */
export async function startWorld(options: StartOptions = {}): Promise<World> {
  return worldOf(await bringUp(options));
}

/** The world that the test run started. Throws when there is none. */
export async function connectWorld(): Promise<World> {
  const file = process.env[stateVariable] ?? '';
  const state = await readState(file);
  if (state === undefined) throw new Error('no world runs: start this test by `npm run test:world -- <file>`');
  return worldOf(state);
}

/** What other processes need to find a world: an environment variable that names its state file. */
export function worldEnvironment(world: World): Record<string, string> {
  return { [stateVariable]: stateFile(world.state.name) };
}

function worldOf(state: WorldState): World {
  const { tools, inside, outside } = state;
  const accessTo = (side: Side) => (side === 'inside' ? inside : outside);
  const enter = entering(state.init, state.folder);
  const exec: World['exec'] = (command, options = {}) =>
    attempt([...enter, ...command], { env: insideEnvironment(state), ...options });
  const crane: World['crane'] = (side, args, options = {}) => {
    const { dockerConfigDir, caFile } = accessTo(side);
    const env = { ...process.env, DOCKER_CONFIG: dockerConfigDir, SSL_CERT_FILE: caFile };
    return attempt([...(side === 'inside' ? enter : []), tools.crane, ...args], { env, ...options });
  };
  return {
    state,
    tools,
    registryInside: inside,
    registryOutside: outside,
    exec,
    kubectl: (args, options) => exec(['kubectl', ...args], options),
    helm: (major, args, options) => exec([major === 3 ? tools.helm3 : tools.helm4, ...args], options),
    ctr: (args, options) => exec(['ctr', '--address', containerdSocket, ...args], options),
    crane,
    pushImage: async (side, image, name, options = {}) => {
      const { host, certDir, username, password } = accessTo(side);
      const login = ['--dest-cert-dir', certDir, '--dest-creds', `${username}:${password}`];
      const copy = [tools.skopeo, '--insecure-policy', 'copy', '--quiet', ...login];
      const target = `${host}/${name}`;
      const command = [...copy, `oci-archive:${image.archive}:${image.reference}`, `docker://${target}`];
      await run([...(side === 'inside' ? enter : []), ...command], options);
      return target;
    },
    catalog: async (side) => {
      const { stdout } = await crane(side, ['catalog', accessTo(side).host]);
      return stdout.split('\n').filter((name) => name !== '');
    },
    registryLog: (side) => readFile(accessTo(side).logFile, 'utf8'),
    carry: async (file) => {
      const target = join(state.carryDir, basename(file));
      await copyFile(file, target, constants.COPYFILE_FICLONE);
      return target;
    },
    stop: () => endWorld(state.name),
  };
}

/** Programs inside find the cluster, and keep their caches in the world's folder. */
function insideEnvironment(state: WorldState): NodeJS.ProcessEnv {
  const home = join(state.folder, 'home');
  return {
    PATH: `${state.tools.cluster}:${process.env.PATH}`,
    HOME: home,
    KUBECONFIG: state.kubeconfig,
    KUBECACHEDIR: join(home, 'kube'),
    DOCKER_CONFIG: state.inside.dockerConfigDir,
    SSL_CERT_FILE: state.inside.caFile,
  };
}
