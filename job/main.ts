import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { noFindings, type Report } from '../cluster/report.ts';
import { writeReportConfigMap } from '../cluster/report-config-map.ts';
import { keepHeapSmall } from '../images/small-heap.ts';
import { type JobOptions, readJobOptions } from './options.ts';
import { Reporter } from './reporter.ts';
import { known, type Run } from './run.ts';
import { type Step, steps } from './steps.ts';

/**
 * The installer: the Job's one program. Exit codes: 0 installed, 1 failed, 64 bad usage, 70 a bug, 130 told to stop. What it has to
 * say goes to stdout as JSON lines, to the termination message, and to a ConfigMap.
 */
async function main(): Promise<number> {
  keepHeapSmall();
  const options = optionsOrUndefined();
  if (options === undefined) return 64;
  const controller = new AbortController();
  const stop = (why: string): void => controller.abort(new BundleError('INTERRUPTED', why, { hint: 'run the Job again' }));
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop(`the installer was told to stop (${name})`));
  if (options.deadlineSeconds !== undefined) {
    setTimeout(() => stop(`the deadline of ${options.deadlineSeconds} s has passed`), options.deadlineSeconds * 1000).unref();
  }
  const reporter = new Reporter({ messageFile: options.messageFile, writeLine: (line) => process.stdout.write(`${line}\n`) });
  // Until its bundle.json is read, it goes by the name of its file.
  reporter.bundle = { name: 'bundle', version: basename(options.bundleFile) };
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-job-'));
  const run: Run = { options, reporter, folder, signal: controller.signal };
  try {
    return await runSteps(run, steps);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function optionsOrUndefined(): JobOptions | undefined {
  try {
    return readJobOptions(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    process.stderr.write(`error: ${error.message} [${error.code}]\nhint:  ${error.hint}\n`);
    return undefined;
  }
}

/** Runs the steps to the first failure, reports, and gives the exit code. */
export async function runSteps(run: Run, todo: readonly Step[]): Promise<number> {
  const { reporter } = run;
  try {
    for (const step of todo) {
      await reporter.beginPhase(step.name, step.words);
      run.signal.throwIfAborted();
      await step.run(run);
    }
    await publish(run, successReport(run));
    return 0;
  } catch (error) {
    await publish(run, reporter.failureReport(error));
    if (!(error instanceof BundleError)) return 70;
    return error.code === 'INTERRUPTED' ? 130 : 1;
  } finally {
    await run.lease?.release();
    await run.bundle?.close();
    await run.registry?.close();
    run.cluster?.close();
  }
}

function successReport(run: Run): Report {
  const { reporter } = run;
  const installed = run.installed ?? [];
  const images = (run.pushed?.items ?? []).filter(({ kind }) => kind === 'image');
  const pushed = images.filter(({ outcome }) => outcome === 'pushed').length;
  const releases = `${installed.length} ${installed.length === 1 ? 'release' : 'releases'} deployed`;
  const present = `${images.length} ${images.length === 1 ? 'image' : 'images'} (${pushed} pushed, ${images.length - pushed} present)`;
  const revisions = installed.map(
    ({ name, namespace, revision }) => `${name} is deployed in ${namespace} at revision ${revision}`,
  );
  return {
    ...noFindings,
    outcome: 'ok',
    bundle: reporter.bundle,
    phase: '',
    summary: `${releases}, ${present}`,
    seconds: reporter.seconds,
    why: run.remarks ?? [],
    state: revisions,
  };
}

/** The message is written first: it needs no cluster. */
async function publish(run: Run, report: Report): Promise<void> {
  const told = await run.reporter.end(report);
  if (run.cluster === undefined) return;
  try {
    const namespace = known(run, 'namespace');
    await writeReportConfigMap(run.cluster, told, { namespace, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    run.reporter.event('report-not-kept', { why: error instanceof Error ? error.message : String(error) });
  }
}

if (import.meta.main) process.exitCode = await main();
