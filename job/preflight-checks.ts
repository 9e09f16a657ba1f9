import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Cluster } from '../cluster/client.ts';
import { describeRights, findMissingRights } from '../cluster/missing-rights.ts';
import { accountName } from '../cluster/object-names.ts';
import type { Secret } from '../cluster/objects.ts';
import { findPending, recoveryCommand } from '../cluster/pending-release.ts';
import type { Problem } from '../cluster/preflight.ts';
import { installRights } from '../cluster/rights.ts';
import { localImage } from '../images/push/push-plan.ts';
import { known, type Run } from './run.ts';

/** Every right that the install needs and the Job does not have, as one problem. */
export async function rightsProblems(run: Run): Promise<readonly Problem[]> {
  const { json } = known(run, 'bundle');
  const namespace = known(run, 'namespace');
  const rights = installRights(json.releases, json.metadata.name, namespace);
  const missing = await findMissingRights(known(run, 'cluster'), rights, run);
  if (missing.length === 0) return [];
  const lines = describeRights(missing);
  const account = accountName(json.metadata);
  return [
    {
      code: 'RIGHTS_MISSING',
      message: `the Job may not ${lines[0]}${lines.length === 1 ? '' : `, and ${lines.length - 1} more`}`,
      details: lines.slice(1),
      fix: 'apply the rights again: kubectl apply -f install/20-rights.yaml, or the output of "diolkos manifest"',
      where: `ServiceAccount ${namespace}/${account}`,
    },
  ];
}

/** Namespaces of releases that are not there. */
export async function namespaceProblems(run: Run): Promise<readonly Problem[]> {
  const cluster = known(run, 'cluster');
  const problems: Problem[] = [];
  for (const name of releaseNamespaces(run)) {
    const found = await cluster.get({ apiVersion: 'v1', kind: 'Namespace' }, name, run);
    if (found !== undefined) continue;
    const fix = `kubectl create namespace ${name}, then apply the rights of install/ again`;
    problems.push({ code: 'PREFLIGHT_FAILED', message: `there is no namespace ${name}`, fix });
  }
  return problems;
}

/** Pull secrets that are absent, of another type, or for another registry. */
export async function pullSecretProblems(run: Run): Promise<readonly Problem[]> {
  const { pullSecret, host } = known(run, 'site').registry;
  if (pullSecret === undefined) return [];
  const problems: Problem[] = [];
  for (const namespace of releaseNamespaces(run)) {
    const wrong = await pullSecretProblem(known(run, 'cluster'), { namespace, name: pullSecret, host }, run);
    if (wrong === undefined) continue;
    const create = `kubectl -n ${namespace} create secret docker-registry ${pullSecret} --docker-server=${host} …`;
    problems.push({
      code: 'PREFLIGHT_FAILED',
      message: `the pull secret ${namespace}/${pullSecret} ${wrong}`,
      fix: `${create}; or leave registry.pullSecret out of the site where pulling needs none`,
      where: `Secret ${namespace}/${pullSecret}`,
    });
  }
  return problems;
}

async function pullSecretProblem(
  cluster: Cluster,
  { namespace, name, host }: { readonly namespace: string; readonly name: string; readonly host: string },
  options: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  const secret = await cluster.get<Secret>({ apiVersion: 'v1', kind: 'Secret', namespace }, name, options);
  if (secret === undefined) return 'is not there';
  const text = secret.data?.['.dockerconfigjson'];
  if (text === undefined) return `is of type ${secret.type ?? 'Opaque'}, not kubernetes.io/dockerconfigjson`;
  const hosts = hostsIn(Buffer.from(text, 'base64').toString('utf8'));
  return hosts.includes(host) ? undefined : `has no credentials for ${host} (it has: ${hosts.join(', ') || 'none'})`;
}

function hostsIn(text: string): readonly string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    const auths = typeof parsed === 'object' && parsed !== null && 'auths' in parsed ? parsed.auths : undefined;
    const keys = typeof auths === 'object' && auths !== null ? Object.keys(auths) : [];
    return keys.map((key) => key.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
  } catch {
    return [];
  }
}

/** Releases that another helm works on, or left behind, and that we must not recover by ourselves. */
export async function pendingProblems(run: Run): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const { helm } of known(run, 'releases')) {
    const pending = await findPending(helm, pendingOptions(run));
    if (pending === undefined) continue;
    const { release, revision, reason, recoverable } = pending;
    run.reporter.event('pending', {
      release: release.name,
      revision: revision.revision,
      status: revision.status,
      recoverable,
      reason,
    });
    if (recoverable) continue;
    problems.push({
      code: 'RELEASE_PENDING',
      message: `release ${release.name} is ${revision.status} (revision ${revision.revision}, since ${revision.createdAt ?? '?'}): ${reason}`,
      fix: `if nobody works on it: ${recoveryCommand(pending)}; then run the Job again`,
      where: `Secret ${release.namespace}/${revision.secret}`,
    });
  }
  return problems;
}

/** What `findPending` and `recoverPending` need to know of us. */
export function pendingOptions(run: Run) {
  const { holder } = run.options;
  return { cluster: known(run, 'cluster'), jobNamespace: known(run, 'namespace'), holder, signal: run.signal };
}

/** Whether the registry takes our pushes: tried for one repository of each project (first part of the path). */
export async function registryProblems(run: Run): Promise<readonly Problem[]> {
  const registry = known(run, 'registry');
  const target = known(run, 'target');
  const projects = new Map<string, string>();
  for (const image of known(run, 'bundle').json.images) {
    const { repository } = localImage(image, target);
    projects.set(repository.split('/')[0] ?? '', repository);
  }
  const problems: Problem[] = [];
  for (const repository of projects.values()) {
    try {
      await registry.checkPush(repository, run);
    } catch (error) {
      if (!(error instanceof BundleError) || run.signal.aborted) throw error;
      problems.push({ code: error.code, message: error.message, fix: registryFix(run, error) });
      // What does not answer for one repository does not for the next.
      if (error.code !== 'REGISTRY_DENIED') break;
    }
  }
  return problems;
}

function registryFix(run: Run, error: BundleError): string {
  const { registry } = known(run, 'site');
  const secret = registry.credentials?.secret;
  const namespace = known(run, 'namespace');
  if (error.code === 'REGISTRY_UNTRUSTED')
    return `put the certificate (PEM) of the CA that signed it into registry.ca.inline of the site`;
  if (error.code !== 'REGISTRY_DENIED') return error.hint ?? 'mend it, then run the Job again';
  if (secret === undefined) return 'name a Secret with the right to push in registry.credentials of the site';
  return `give the Secret ${namespace}/${secret} credentials for ${registry.host} with the right to push, then run the Job again`;
}

function releaseNamespaces(run: Run): readonly string[] {
  return [...new Set(known(run, 'bundle').json.releases.map(({ namespace }) => namespace.name))];
}
