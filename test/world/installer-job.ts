/** The Job as a user meets it: started from manifests, waited for, and asked what became of it. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandResult, run } from '../../build/command.ts';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { jobName } from '../../cluster/object-names.ts';
import { bundleDirectory } from '../../cluster/volume-manifests.ts';
import { nodeName } from './addresses.ts';
import { diolkos, type TestBundle } from './bundles.ts';
import type { World } from './world.ts';

/** A Job of ours in the cluster. */
export interface InstallerJob {
  readonly bundle: TestBundle;
  readonly namespace: string;
}

/** What a user reads after the Job has ended. */
export interface Verdict {
  readonly condition: 'Complete' | 'Failed';
  /** By the one-liner of install/README.md; empty when the pod is gone. */
  readonly message: string;
  /** `kubectl describe pod`. */
  readonly described: string;
  /** The report in the ConfigMap as text; empty when there is none. */
  readonly report: string;
}

export interface SitePlan {
  readonly jobNamespace: string;
  /** Values of the site for the bundle's only release. */
  readonly values?: object;
  /** Fields of `registry` that differ from a site where all is well; `undefined` leaves one out. */
  readonly registry?: Readonly<Record<string, unknown>>;
  /** Password in the Secrets; default the right one. */
  readonly password?: string;
  /** Public keys that the site trusts. Default: it asks for no signature. */
  readonly signedBy?: readonly string[];
  /** Where the bundle lies on the node already, in volumes. Default: the tar is copied to the node. */
  readonly place?: { readonly path: string; readonly volumes: readonly string[] };
  /** Seconds that helm waits; default that of the Job. */
  readonly timeoutSeconds?: number;
}

/** Writes a site, prepares the namespaces and Secrets it names, and applies what `diolkos manifest` prints for it: a Job with a hostPath. */
export async function startJob(world: World, bundle: TestBundle, plan: SitePlan): Promise<InstallerJob> {
  const job = { bundle, namespace: plan.jobNamespace };
  const file = `${bundleDirectory}/${bundle.name}-${bundle.version}.tar`;
  if (plan.place === undefined) await must(world.exec(['sh', '-ec', `cp ${bundle.tar} ${file} && chmod 644 ${file}`]));
  for (const namespace of new Set([plan.jobNamespace, bundle.name])) await prepareNamespace(world, namespace, plan);
  const site = join(dirname(bundle.spec), `site-${plan.jobNamespace}.yaml`);
  await writeFile(site, JSON.stringify(await siteOf(world, bundle, plan, file)));
  const printed = await must(diolkos(world, ['manifest', bundle.tar, '--site', site]));
  await must(world.kubectl(['delete', 'job', jobName(bundle), '-n', plan.jobNamespace, '--ignore-not-found', '--wait']));
  await must(world.kubectl(['apply', '-f', '-'], { input: withTimeout(printed.stdout, plan.timeoutSeconds) }));
  return job;
}

/** Waits for the Job's end and reads what it left. */
export async function verdictOf(world: World, job: InstallerJob): Promise<Verdict> {
  const condition = await waitForEnd(world, job);
  const oneLiner = await readOneLiner(job);
  const { stdout: message } = await must(world.exec(['sh', '-ec', oneLiner]));
  const selector = ['-l', `batch.kubernetes.io/job-name=${jobName(job.bundle)}`, '-n', job.namespace];
  const { stdout: described } = await must(world.kubectl(['describe', 'pod', ...selector]));
  const key = 'jsonpath={.data.report\\.txt}';
  const report = ['get', 'configmap', `diolkos-report-${job.bundle.name}`, '-n', job.namespace, '-o', key];
  const verdict = { condition, message: message.trimEnd(), described, report: (await world.kubectl(report)).stdout };
  await keep(world, job, verdict);
  return verdict;
}

/** The log of the Job's pod so far: JSON lines, and what the runtime adds to them. */
export async function jobLog(world: World, { bundle, namespace }: InstallerJob): Promise<string> {
  return (await world.kubectl(['logs', `job/${jobName(bundle)}`, '-n', namespace])).stdout;
}

/** The name of the Job's newest pod. */
export async function podOf(world: World, { bundle, namespace }: InstallerJob): Promise<string> {
  const selector = `batch.kubernetes.io/job-name=${jobName(bundle)}`;
  const path = 'jsonpath={.items[-1:].metadata.name}';
  return (await world.kubectl(['get', 'pods', '-n', namespace, '-l', selector, '-o', path])).stdout;
}

/** Asks again every quarter of a second until there is an answer. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = 120_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not after ${timeoutMs / 1000} s`);
    await sleep(250);
  }
}

/** Throws with the words of a program that failed. */
export async function must(result: Promise<CommandResult>): Promise<CommandResult> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}`);
  return { code, stdout, stderr };
}

/** Two watches, of which one is met: asking again and again would cost a processor that the Job needs. */
async function waitForEnd(world: World, { bundle, namespace }: InstallerJob): Promise<'Complete' | 'Failed'> {
  const other = new AbortController();
  const met = async <T extends string>(type: T): Promise<T> => {
    const wait = ['wait', `job/${jobName(bundle)}`, '-n', namespace, `--for=condition=${type}`, '--timeout=300s'];
    await must(world.kubectl(wait, { signal: other.signal }));
    return type;
  };
  try {
    return await Promise.any([met('Complete'), met('Failed')]);
  } finally {
    other.abort();
  }
}

/** The command under "The verdict" in install/README.md, for the namespace of the Job. */
async function readOneLiner({ bundle, namespace }: InstallerJob): Promise<string> {
  const { stdout: readme } = await run(['tar', '--extract', '--to-stdout', '--file', bundle.tar, 'install/README.md']);
  const line = /^ {4}(kubectl .*terminated\.message.*)$/m.exec(readme)?.[1];
  if (line === undefined) throw new Error('install/README.md has no command that prints the verdict');
  return line.replace('-n diolkos ', `-n ${namespace} `);
}

async function prepareNamespace(world: World, namespace: string, plan: SitePlan): Promise<void> {
  await world.kubectl(['create', 'namespace', namespace]);
  await until(`the default account of ${namespace}`, async () => {
    return (await world.kubectl(['get', 'serviceaccount', 'default', '-n', namespace])).code === 0 ? true : undefined;
  });
  const { host, username, password } = world.registryInside;
  const login = [`--docker-server=${host}`, `--docker-username=${username}`, `--docker-password=${plan.password ?? password}`];
  await world.kubectl(['delete', 'secret', 'bundle-registry', '-n', namespace, '--ignore-not-found']);
  await must(world.kubectl(['create', 'secret', 'docker-registry', 'bundle-registry', '-n', namespace, ...login]));
}

async function siteOf(world: World, bundle: TestBundle, plan: SitePlan, file: string): Promise<object> {
  const { host, caFile } = world.registryInside;
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Site',
    registry: {
      host,
      prefix: bundle.name,
      ca: { inline: await readFile(caFile, 'utf8') },
      credentials: { secret: 'bundle-registry' },
      pullSecret: 'bundle-registry',
      ...plan.registry,
    },
    values: plan.values === undefined ? {} : { [bundle.name]: [{ inline: plan.values }] },
    job: { namespace: plan.jobNamespace },
    ...(plan.signedBy && { signedBy: plan.signedBy.map((inline) => ({ inline })) }),
    bundle: { hostPath: { path: file, ...plan.place, node: nodeName } },
  };
}

function withTimeout(manifest: string, seconds: number | undefined): string {
  if (seconds === undefined) return manifest;
  const objects = parseYaml11(manifest, 'the manifest') as { kind: string; spec?: JobSpec }[];
  for (const { kind, spec } of objects) {
    if (kind === 'Job') spec?.template.spec.containers[0]?.env.push({ name: 'DIOLKOS_TIMEOUT', value: String(seconds) });
  }
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

interface JobSpec {
  readonly template: { readonly spec: { readonly containers: { readonly env: { name: string; value: string }[] }[] } };
}

/** Beside the logs of the world, for somebody who wants to read what users read. */
async function keep(world: World, job: InstallerJob, { message }: Verdict): Promise<void> {
  await writeFile(join(world.state.folder, 'log', `verdict-${job.namespace}-${Date.now()}.txt`), `${message}\n`);
}
