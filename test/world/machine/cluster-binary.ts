import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../../../build/cache.ts';
import { run } from '../../../build/command.ts';
import { goEnvironment, hostArchitecture } from '../../../build/go-program.ts';

export const kubernetesVersion = 'v1.36.3';

/** The names by which the one binary is called; each is a program of a cluster. */
const names = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'kubectl',
  'coredns',
] as const;

const source = join(import.meta.dirname, '../cluster');

/**
 * The folder with every program of a Kubernetes cluster under its own name, all links to one binary. Built from
 * `test/world/cluster` when the cache lacks it: some 10 CPU minutes and 4 GB of Go's caches, once.
 */
export async function clusterPrograms(options: { signal?: AbortSignal } = {}): Promise<string> {
  const files = await Promise.all(['go.mod', 'go.sum', 'main.go'].map((file) => readFile(join(source, file))));
  const inputs = [...files, ldflags(), names.join(), hostArchitecture];
  return await cached(`cluster-${kubernetesVersion}`, inputs, async (folder) => {
    const env = { ...(await goEnvironment(options)), CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };
    const binary = join(folder, 'cluster');
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags', ldflags(), '-o', binary];
    await run(['nice', '-n', '10', 'go', 'build', ...flags, '.'], { ...options, cwd: source, env });
    for (const name of names) await symlink('cluster', join(folder, name));
  });
}

/** Without a version Kubernetes calls itself v0.0.0-master, which no chart's `kubeVersion` accepts. */
function ldflags(): string {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(kubernetesVersion) ?? [];
  const version = { gitVersion: kubernetesVersion, gitMajor: major, gitMinor: minor };
  const settings = Object.entries(version).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return ['-s', '-w', ...settings].join(' ');
}
