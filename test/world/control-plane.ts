/** What makes a cluster of a node: etcd, API server, controllers, scheduler, service proxy and DNS. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as net from './addresses.ts';
import { createAuthority, issueCertificate } from './certificates.ts';

/** The users of the cluster. A token each takes the place of client certificates. */
const users = {
  admin: { user: 'admin', groups: ['system:masters'] },
  // With groups of their own, controllers would fetch a token each under a rate limit, and start 5 s later.
  controllers: { user: 'system:kube-controller-manager', groups: ['system:masters'] },
  scheduler: { user: 'system:kube-scheduler', groups: [] },
  proxy: { user: 'system:kube-proxy', groups: [] },
  dns: { user: 'dns', groups: ['system:masters'] },
  kubelet: { user: `system:node:${net.nodeName}`, groups: ['system:nodes'] },
} as const;

export type ClusterUser = keyof typeof users;

/** The files of a control plane. */
export interface ControlPlaneFiles {
  readonly folder: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly kubeconfigs: Readonly<Record<ClusterUser, string>>;
}

/** Writes certificates, tokens and settings into a folder. */
export async function prepareControlPlane(folder: string): Promise<ControlPlaneFiles> {
  await mkdir(join(folder, 'ca'), { recursive: true });
  const authority = await createAuthority(join(folder, 'ca'), 'kubernetes');
  const hosts = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${net.clusterDomain}`];
  const addresses = [net.nodeAddress, net.apiServiceAddress, '127.0.0.1'];
  const names = [...hosts.map((host) => `DNS:${host}`), ...addresses.map((address) => `IP:${address}`)];
  await issueCertificate(authority, join(folder, 'server'), names);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(folder, 'service-accounts.key'), privateKey.export({ type: 'sec1', format: 'pem' }));

  const roles = Object.keys(users) as ClusterUser[];
  const tokens = Object.fromEntries(roles.map((role) => [role, randomBytes(16).toString('hex')])) as Record<ClusterUser, string>;
  const rows = roles.map((role) => `${tokens[role]},${users[role].user},${role},"${users[role].groups.join(',')}"`);
  await writeFile(join(folder, 'tokens.csv'), `${rows.join('\n')}\n`);
  const kubeconfigs = Object.fromEntries(roles.map((role) => [role, join(folder, `${role}.kubeconfig`)])) as Record<
    ClusterUser,
    string
  >;
  for (const role of roles) await writeFile(kubeconfigs[role], kubeconfig(authority.caFile, tokens[role]));

  await writeFile(join(folder, 'proxy.json'), JSON.stringify(proxySettings(kubeconfigs.proxy)));
  await writeFile(join(folder, 'Corefile'), corefile(kubeconfigs.dns));
  return { folder, caFile: authority.caFile, adminToken: tokens.admin, kubeconfigs };
}

/** The programs that must run before the API server answers. */
export function storeAndApiServer(files: ControlPlaneFiles): Record<string, string[]> {
  const etcd = {
    'data-dir': '/run/etcd', // a tmpfs
    'unsafe-no-fsync': 'true',
    'listen-client-urls': 'http://127.0.0.1:2379',
    'advertise-client-urls': 'http://127.0.0.1:2379',
    'listen-peer-urls': 'http://127.0.0.1:2380',
    'log-level': 'warn',
  };
  const serviceAccountKey = join(files.folder, 'service-accounts.key');
  const apiServer = {
    'etcd-servers': 'http://127.0.0.1:2379',
    'advertise-address': net.nodeAddress,
    'secure-port': '6443',
    'service-cluster-ip-range': net.serviceNetwork,
    'tls-cert-file': join(files.folder, 'server.crt'),
    'tls-private-key-file': join(files.folder, 'server.key'),
    'token-auth-file': join(files.folder, 'tokens.csv'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': serviceAccountKey,
    'service-account-signing-key-file': serviceAccountKey,
  };
  return { etcd: ['etcd', ...flags(etcd)], 'kube-apiserver': ['kube-apiserver', ...flags(apiServer)] };
}

/** The programs that work against the API server. */
export function controllersAndNetwork(files: ControlPlaneFiles): Record<string, string[]> {
  const controllers = {
    kubeconfig: files.kubeconfigs.controllers,
    'root-ca-file': files.caFile,
    'service-account-private-key-file': join(files.folder, 'service-accounts.key'),
    'leader-elect': 'false',
  };
  const scheduler = { kubeconfig: files.kubeconfigs.scheduler, 'leader-elect': 'false' };
  return {
    'kube-controller-manager': ['kube-controller-manager', ...flags(controllers)],
    'kube-scheduler': ['kube-scheduler', ...flags(scheduler)],
    'kube-proxy': ['kube-proxy', ...flags({ config: join(files.folder, 'proxy.json') })],
    coredns: ['coredns', '-conf', join(files.folder, 'Corefile')],
  };
}

function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

function kubeconfig(caFile: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'world', cluster: { server: net.apiServer, 'certificate-authority': caFile } }],
    users: [{ name: 'world', user: { token } }],
    contexts: [{ name: 'world', context: { cluster: 'world', user: 'world' } }],
    'current-context': 'world',
  });
}

function proxySettings(kubeconfigFile: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: kubeconfigFile },
    clusterCIDR: net.podNetwork,
    hostnameOverride: net.nodeName,
    // These are settings of the whole machine: leave them be.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

/** Names of the cluster and of the registry; any other is a failure, as it is behind a gap. */
function corefile(kubeconfigFile: string): string {
  return `.:53 {
  errors
  hosts {
    ${net.nodeAddress} ${net.registryName}
    fallthrough
  }
  kubernetes ${net.clusterDomain} in-addr.arpa {
    kubeconfig ${kubeconfigFile}
  }
}
`;
}
