import { BundleError } from '../bundle-spec/bundle-error.ts';
import { explainInstall } from '../cluster/explain-install.ts';
import { findPending, recoverPending } from '../cluster/pending-release.ts';
import { lastDeployed, type Revision, readHistory } from '../cluster/release-history.ts';
import { ExplainedError } from '../cluster/report.ts';
import type { Symptom } from '../cluster/symptom.ts';
import { watchRelease } from '../cluster/watch-release.ts';
import { workloadText } from '../cluster/workloads.ts';
import { upgradeCall } from './helm-upgrade.ts';
import { pendingOptions } from './preflight-checks.ts';
import { registryAnswer } from './registry-answer.ts';
import { helmEnvironment, type InstalledRelease, known, type ProvenRelease, type Run } from './run.ts';

/**
 * Installs or upgrades one release and waits until it is ready. A release that our own killed helm left pending is recovered first.
 * `others` are lines on the state of the other releases, for the report of a failure.
 * When something cannot heal, helm is stopped and the failure explained: HOOK_FAILED, WORKLOAD_NOT_READY, INSTALL_FAILED …
 */
export async function installRelease(
  run: Run,
  release: ProvenRelease,
  options: { readonly others: readonly string[] },
): Promise<InstalledRelease> {
  const { name, namespace } = release.helm;
  await recover(run, release);
  const upgrade = lastDeployed(await readHistory(known(run, 'cluster'), release.helm, run)) !== undefined;
  const ended = await runHelm(run, release).catch(async (error: unknown) => {
    throw run.signal.aborted ? await interrupted(run, release, error) : error;
  });
  const history = await historyAfter(run, release);
  const revision = history.at(-1);
  const evidence = await ended.finish();
  if (ended.exitCode === 0 && ended.stopped === undefined) return { name, namespace, revision: revision?.revision ?? 0 };
  const pull = evidence.symptoms.find(({ kind }) => kind === 'image-pull');
  const tooEarly = ended.exitCode === 0 ? ', which helm took for ready before this happened' : '';
  const answer = pull === undefined ? undefined : await registryAnswer(run, pull.image ?? '');
  throw explainInstall({
    release: { name, namespace, ...(revision === undefined ? {} : { revision: revision.revision }) },
    operation: upgrade ? 'upgrade' : 'install',
    registryHost: known(run, 'target').host,
    stderr: ended.stderr,
    evidence,
    state: [...stateLines(name, namespace, history).map((line) => `${line}${tooEarly}`), ...options.others],
    ...(ended.stopped === undefined ? {} : { stopped: ended.stopped }),
    ...(answer === undefined ? {} : { registryAnswer: answer }),
  });
}

/** What stopped us, with the state that the release is left in: helm has stopped by now. */
async function interrupted(run: Run, release: ProvenRelease, error: unknown): Promise<unknown> {
  if (!(error instanceof BundleError)) return error;
  const { name, namespace } = release.helm;
  const history = await historyAfter(run, release);
  return new ExplainedError(error.code, error.message, {
    release: { name, namespace, ...(history.length === 0 ? {} : { revision: Number(history.at(-1)?.revision) }) },
    findings: { state: stateLines(name, namespace, history), next: ['run the Job again: it continues'] },
    cause: error,
  });
}

/** `web is failed at revision 3; revision 2 was deployed before …`, for reports. */
export function stateLines(name: string, namespace: string, history: readonly Revision[]): readonly string[] {
  const last = history.at(-1);
  if (last === undefined) return [`${name} is not installed`];
  const earlier = lastDeployed(history.slice(0, -1));
  const back =
    earlier === undefined
      ? ''
      : `; "helm rollback ${name} ${earlier.revision} -n ${namespace}" goes back to revision ${earlier.revision}`;
  return [`${name} is ${last.status} at revision ${last.revision}${last.status === 'deployed' ? '' : back}`];
}

async function recover(run: Run, { helm: release }: ProvenRelease): Promise<void> {
  const pending = await findPending(release, pendingOptions(run));
  if (pending === undefined) return;
  run.reporter.event('recover', { release: release.name, remedy: pending.remedy, reason: pending.reason });
  const onLine = (line: string): void => run.reporter.event('helm', { release: release.name, line });
  await recoverPending(pending, { ...pendingOptions(run), helm: known(run, 'helm'), env: helmEnvironment(), onLine });
}

async function runHelm(run: Run, release: ProvenRelease) {
  const { name, namespace } = release.helm;
  const { reporter } = run;
  const hopeless = new AbortController();
  let stopped: Symptom | undefined;
  const watch = await watchRelease(known(run, 'cluster'), {
    namespace,
    workloads: release.workloads.filter((workload) => workload.namespace === namespace),
    signal: run.signal,
    onSymptom: (symptom) => reporter.event('symptom', eventOf(name, symptom)),
    onHopeless: (symptom) => {
      reporter.event('hopeless', eventOf(name, symptom));
      stopped = symptom;
      hopeless.abort();
    },
  });
  const { args, env, postRendererFailure, fileNames } = await upgradeCall(known(run, 'helm'), release, {
    folder: run.folder,
    timeoutSeconds: run.options.timeoutSeconds,
    holder: run.options.holder,
    bundle: reporter.bundle.name,
    signal: run.signal,
  });
  const lines: string[] = [];
  const onLine = (raw: string, stream: 'stdout' | 'stderr'): void => {
    const line = [...fileNames].reduce((text, [file, layer]) => text.replaceAll(file, layer), raw);
    if (stream === 'stderr') lines.push(line);
    reporter.event('helm', { release: name, stream, line });
  };
  const signal = AbortSignal.any([run.signal, hopeless.signal]);
  const exitCode = await known(run, 'helm')
    .run(args, { signal, env: { ...helmEnvironment(), ...env }, onLine })
    .then((result) => result.exitCode)
    .catch(async (error: unknown) => {
      if (hopeless.signal.aborted && !run.signal.aborted) return undefined;
      await watch.finish();
      throw error;
    });
  if (exitCode === 0) stopped ??= await watch.settle();
  else lines.push(...(await postRendererFailure()).split('\n').filter((line) => line !== ''));
  return { exitCode, stopped, stderr: lines.join('\n'), finish: () => watch.finish() };
}

function eventOf(release: string, { kind, workload, summary }: Symptom): Readonly<Record<string, unknown>> {
  return { release, kind, workload: workloadText(workload), summary };
}

/** With a signal of its own: what state was left is worth knowing when everything has been told to stop. */
async function historyAfter(run: Run, { helm: release }: ProvenRelease): Promise<readonly Revision[]> {
  return await readHistory(known(run, 'cluster'), release, { signal: AbortSignal.timeout(20_000) });
}
