import type { ErrorCode } from '../bundle-spec/bundle-error.ts';
import { readReason } from '../helm/render-failure.ts';
import { readComplaint, trimHelmOutput } from './helm-output.ts';
import { pullAdvice, type RegistryAnswer } from './pull-advice.ts';
import { ExplainedError, type Findings, type LogTail, type ReleaseInReport } from './report.ts';
import type { Symptom } from './symptom.ts';
import type { ReleaseEvidence } from './watch-release.ts';
import { type Workload, workloadText } from './workloads.ts';

/** What is known when helm has ended badly, or was stopped because waiting could not help. */
export interface FailedInstall {
  readonly release: ReleaseInReport;
  readonly operation: 'install' | 'upgrade';
  /** Host of the registry that everything should come from. */
  readonly registryHost: string;
  /** What helm printed on stderr. */
  readonly stderr: string;
  /** Why helm was stopped; absent when it ended by itself. */
  readonly stopped?: Symptom;
  readonly evidence: ReleaseEvidence;
  /** What the registry itself says of the image that cannot be pulled, where it was asked. */
  readonly registryAnswer?: RegistryAnswer;
  /** Lines on the state that the release is left in. */
  readonly state: readonly string[];
}

const codes: Readonly<Record<Symptom['kind'], ErrorCode>> = {
  'hook-failed': 'HOOK_FAILED',
  'job-failed': 'WORKLOAD_NOT_READY',
  'image-pull': 'WORKLOAD_NOT_READY',
  'container-config': 'WORKLOAD_NOT_READY',
  'crash-loop': 'WORKLOAD_NOT_READY',
  crashed: 'WORKLOAD_NOT_READY',
  'not-created': 'WORKLOAD_NOT_READY',
  volume: 'WORKLOAD_NOT_READY',
  unschedulable: 'WORKLOAD_NOT_READY',
  'not-ready': 'WORKLOAD_NOT_READY',
};

/**
 * The error for a failed install: what the cluster shows where it shows something, helm's own complaint otherwise.
 * HOOK_FAILED, WORKLOAD_NOT_READY, RIGHTS_MISSING, RELEASE_PENDING or INSTALL_FAILED.
 */
export function explainInstall(failed: FailedInstall): ExplainedError {
  const complaint = readComplaint(failed.stderr);
  const cause = failed.stopped ?? (complaint === undefined ? failed.evidence.symptoms[0] : undefined);
  if (cause !== undefined) return fromSymptom(cause, failed);
  const reason = readReason(failed.stderr);
  return new ExplainedError(
    complaint?.code ?? 'INSTALL_FAILED',
    complaint === undefined ? reason : `${complaint.why}: ${reason}`,
    {
      release: failed.release,
      phase: failed.operation,
      findings: {
        why: complaint === undefined ? [reason] : [complaint.why, reason],
        fix: complaint === undefined ? [] : [complaint.fix],
        helm: trimHelmOutput(failed.stderr),
        state: failed.state,
      },
    },
  );
}

function fromSymptom(cause: Symptom, failed: FailedInstall): ExplainedError {
  const { workload } = cause;
  const { symptoms } = failed.evidence;
  // A failed Job says little; its pod's exit code is the cause.
  const crash = symptoms.find((symptom) => symptom.kind === 'crashed' && symptom.workload === workload && symptom !== cause);
  const told = isJobFailure(cause) && crash !== undefined ? crash : cause;
  const ofHook = workload.hook !== undefined;
  const others = symptoms.filter(
    (symptom) => symptom.workload !== workload && symptom.kind !== 'not-ready' && symptom.stale !== true,
  );
  const log = logFor(cause, crash, failed.evidence);
  const findings: Partial<Findings> = {
    why: unique([
      ...told.details,
      ...cause.details,
      ...others.map((other) => `${workloadText(other.workload)}: ${other.summary}`),
    ]),
    where: whereOf(cause, crash),
    logs: log === undefined ? [] : [log],
    fix: fixFor(told, failed, log),
    // A helm that we stopped can only say that it was stopped.
    helm: failed.stopped === undefined ? trimHelmOutput(failed.stderr) : [],
    state: failed.state,
  };
  return new ExplainedError(ofHook ? 'HOOK_FAILED' : codes[cause.kind], `${workloadText(workload)} ${summaryFor(cause, told)}`, {
    release: failed.release,
    phase: ofHook ? `hook:${hookEvent(workload, failed.operation)}` : phaseFor(cause, failed.operation),
    findings,
  });
}

function isJobFailure({ kind }: Symptom): boolean {
  return kind === 'hook-failed' || kind === 'job-failed';
}

function summaryFor(cause: Symptom, told: Symptom): string {
  return cause === told ? cause.summary : `${cause.summary}, ${told.summary}`;
}

/** Objects are there once a pod shows something: what fails then is the wait, not the install. */
function phaseFor(cause: Symptom, operation: string): string {
  return cause.kind === 'not-created' ? operation : 'wait';
}

/** The event of this operation among those a hook is annotated with: `pre-install,pre-upgrade` is `pre-upgrade` in an upgrade. */
function hookEvent({ hook = '' }: Workload, operation: 'install' | 'upgrade'): string {
  const events = hook.split(',').map((event) => event.trim());
  return events.find((event) => event.endsWith(operation)) ?? events[0] ?? operation;
}

function whereOf(cause: Symptom, crash: Symptom | undefined): readonly string[] {
  const { workload } = cause;
  const pod = cause.pod ?? crash?.pod;
  const container = cause.container ?? crash?.container;
  const image = cause.image ?? crash?.image;
  const node = pod?.spec?.nodeName;
  return [
    `${workload.kind} ${workload.namespace}/${workload.name}${workload.hook === undefined ? '' : ` (hook ${workload.hook})`}`,
    ...(pod === undefined
      ? []
      : [
          `pod ${pod.metadata.name}${container === undefined ? '' : `, container ${container}`}${node === undefined ? '' : `, node ${node}`}`,
        ]),
    ...(image === undefined ? [] : [`image ${image}`]),
  ];
}

function logFor(cause: Symptom, crash: Symptom | undefined, evidence: ReleaseEvidence): LogTail | undefined {
  if (cause.kind === 'image-pull' || cause.kind === 'unschedulable' || cause.kind === 'not-created') return undefined;
  return (crash === undefined ? undefined : evidence.logOf(crash)) ?? evidence.logOf(cause);
}

function fixFor(told: Symptom, { registryHost, registryAnswer }: FailedInstall, log: LogTail | undefined): readonly string[] {
  const { namespace } = told.workload;
  const again = 'then run the Job again';
  switch (told.kind) {
    case 'image-pull':
      return pullAdvice({
        image: told.image ?? '',
        message: told.details.join(' '),
        registryHost,
        namespace,
        ...(registryAnswer === undefined ? {} : { registryAnswer }),
      });
    case 'container-config':
      return [`make what the container asks for (a Secret, a ConfigMap, a key of it) in namespace ${namespace}, ${again}`];
    case 'hook-failed':
    case 'job-failed':
    case 'crash-loop':
    case 'crashed':
      return log === undefined || log.lines.length === 0
        ? [`the container said nothing before it ended: see its command and values, ${again}`]
        : [`the log has the container's own reason: mend that (values, a service it needs), ${again}`];
    case 'not-created':
      return [`raise the quota, or fit the chart's values to the namespace's rules, ${again}`];
    case 'volume':
      return [`make the volume, Secret or ConfigMap that is named in namespace ${namespace}, ${again}`];
    case 'unschedulable':
      return [`add what the scheduler misses (nodes, memory, a storage class), or lower the requests in the values, ${again}`];
    case 'not-ready':
      return [`see why its probe fails: kubectl -n ${namespace} describe pod ${told.pod?.metadata.name ?? ''}`];
    default:
      return told.kind satisfies never;
  }
}

function unique(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)].slice(0, 6);
}
