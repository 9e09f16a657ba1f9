/** The node: containerd, the pod network's plugins, and the kubelet. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as net from './addresses.ts';
import type { RegistryAccess } from './state.ts';

export const containerdSocket = '/run/containerd/containerd.sock';

export interface NodeSettings {
  readonly folder: string;
  readonly kubeconfig: string;
  /** The image that holds a pod's namespaces open. It must be in the store before the first pod. */
  readonly pauseImage: string;
  /** Below the mount point of each cgroup hierarchy. */
  readonly cgroup: string;
  readonly registry: RegistryAccess;
}

/** Writes the settings of a node into its folder. Returns the programs to start there. */
export async function prepareNode(settings: NodeSettings): Promise<Record<'containerd' | 'kubelet', string[]>> {
  const { folder, registry } = settings;
  const certs = join(folder, 'certs.d', registry.host);
  for (const path of [certs, join(folder, 'cni'), join(folder, 'volume-plugins')]) await mkdir(path, { recursive: true });
  await writeFile(join(certs, 'hosts.toml'), hostsToml(registry));
  await writeFile(join(folder, 'cni/10-bridge.conflist'), JSON.stringify(podNetworkPlugins()));
  await writeFile(join(folder, 'containerd.toml'), containerdToml(settings));
  await writeFile(join(folder, 'kubelet.json'), JSON.stringify(kubeletSettings(settings)));
  return {
    containerd: ['containerd', '--config', join(folder, 'containerd.toml')],
    kubelet: [
      'kubelet',
      `--config=${join(folder, 'kubelet.json')}`,
      `--kubeconfig=${settings.kubeconfig}`,
      `--hostname-override=${net.nodeName}`,
      `--node-ip=${net.nodeAddress}`,
    ],
  };
}

/** Pulls go to the registry with its own authority; credentials come from pull secrets alone. */
function hostsToml(registry: RegistryAccess): string {
  const url = `https://${registry.host}`;
  return `server = "${url}"\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n  ca = "${registry.caFile}"\n`;
}

function podNetworkPlugins(): object {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: net.podNetwork, rangeStart: '10.244.0.10', gateway: net.nodeAddress }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true, ipam };
  const portmap = { type: 'portmap', capabilities: { portMappings: true } };
  return { cniVersion: '0.4.0', name: 'world', plugins: [bridge, portmap] };
}

function containerdToml(settings: NodeSettings): string {
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  // Without CAP_SYS_RESOURCE a sandbox may not lower its oom score.
  return `version = 2
root = "${join(settings.folder, 'containerd')}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${containerdSocket}"
${cri}]
  sandbox_image = "${settings.pauseImage}"
  restrict_oom_score_adj = true
${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${join(settings.folder, 'cni')}"
${cri}.registry]
  config_path = "${join(settings.folder, 'certs.d')}"
`;
}

function kubeletSettings(settings: NodeSettings): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: settings.cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    clusterDNS: [net.nodeAddress],
    clusterDomain: net.clusterDomain,
    resolvConf: '/etc/resolv.conf',
    volumePluginDir: join(settings.folder, 'volume-plugins'),
    // The machine's disk is others' business.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    shutdownGracePeriod: '0s',
  };
}
