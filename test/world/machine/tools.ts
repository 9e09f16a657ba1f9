import { join } from 'node:path';
import { goProgram, hostArchitecture } from '../../../build/go-program.ts';
import { helm4Binary } from '../../../build/helm.ts';
import { clusterPrograms } from './cluster-binary.ts';
import { cosign, crane, helm3, podinfo, registry } from './programs.ts';
import { skopeoBinary } from './skopeo.ts';

/** Where the programs of the world lie. */
export interface Tools {
  /** The folder with kube-apiserver, kubelet, kubectl, etcd, coredns and the others. */
  readonly cluster: string;
  readonly helm3: string;
  readonly helm4: string;
  readonly registry: string;
  readonly crane: string;
  readonly skopeo: string;
  readonly cosign: string;
  /** The folder with podinfo and podcli. */
  readonly podinfo: string;
}

/** One tool: its name, and how to come by its path. Quick when the cache has it. */
export const makers: Readonly<Record<keyof Tools, (options: { signal?: AbortSignal }) => Promise<string>>> = {
  cluster: clusterPrograms,
  helm4: (options) => helm4Binary(hostArchitecture, options),
  helm3: async (options) => join(await goProgram(helm3, hostArchitecture, options), helm3.name),
  registry: async (options) => join(await goProgram(registry, hostArchitecture, options), registry.name),
  crane: async (options) => join(await goProgram(crane, hostArchitecture, options), crane.name),
  cosign: async (options) => join(await goProgram(cosign, hostArchitecture, options), cosign.name),
  podinfo: (options) => goProgram(podinfo, hostArchitecture, options),
  skopeo: skopeoBinary,
};

/** Every tool of the world, each built when the cache lacks it. */
export async function worldTools(options: { signal?: AbortSignal } = {}): Promise<Tools> {
  const tools: Partial<Record<keyof Tools, string>> = {};
  // One after the other: a compile uses every processor there is.
  for (const name of Object.keys(makers) as (keyof Tools)[]) tools[name] = await makers[name](options);
  return tools as Tools;
}
