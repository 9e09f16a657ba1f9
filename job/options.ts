import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { TagPolicy } from '../images/registry/registry.ts';

/** What the Job's manifest tells the installer, by flags or, where one is absent, by environment variables. */
export interface JobOptions {
  /** `--bundle`, DIOLKOS_BUNDLE. */
  readonly bundleFile: string;
  /** `--volumes`, repeated, or DIOLKOS_VOLUMES, separated by colons: further directories with volumes of the bundle. Default none. */
  readonly volumes: readonly string[];
  /** `--site`, DIOLKOS_SITE. */
  readonly siteFile: string;
  /** `--timeout`, DIOLKOS_TIMEOUT: seconds that helm waits for one release. Default 600. */
  readonly timeoutSeconds: number;
  /** `--deadline`, DIOLKOS_DEADLINE: seconds for everything; it should end before the Job's activeDeadlineSeconds. Default none. */
  readonly deadlineSeconds: number | undefined;
  /** `--tag-conflict`, DIOLKOS_TAG_CONFLICT: what to do with tags that the registry has with other content. Default `error`. */
  readonly tagConflict: TagPolicy;
  /** `--termination-message`, DIOLKOS_TERMINATION_MESSAGE: default `/dev/termination-log`. */
  readonly messageFile: string;
  /** POD_NAME; outside a pod a name of this process. */
  readonly holder: string;
  /** POD_NAMESPACE; outside a pod that of the site. */
  readonly namespace: string | undefined;
}

/** Reads the command line. Throws USAGE_INVALID. */
export function readJobOptions(args: readonly string[], env: NodeJS.ProcessEnv): JobOptions {
  const flags = parseFlags(args);
  const told = (flag: Exclude<keyof typeof flags, 'volumes'>): string | undefined =>
    flags[flag] ?? env[`DIOLKOS_${flag.toUpperCase().replaceAll('-', '_')}`];
  const required = (flag: 'bundle' | 'site'): string => {
    const value = told(flag);
    if (value === undefined) throw new BundleError('USAGE_INVALID', `--${flag} is missing`, { hint: usage });
    return value;
  };
  const seconds = (flag: 'timeout' | 'deadline'): number | undefined => {
    const value = told(flag);
    if (value === undefined) return undefined;
    if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
    throw new BundleError('USAGE_INVALID', `--${flag} ${value} is no number of seconds`, { hint: usage });
  };
  return {
    bundleFile: required('bundle'),
    volumes: flags.volumes ?? (env.DIOLKOS_VOLUMES ?? '').split(':').filter((directory) => directory !== ''),
    siteFile: required('site'),
    timeoutSeconds: seconds('timeout') ?? 600,
    deadlineSeconds: seconds('deadline'),
    tagConflict: readTagPolicy(told('tag-conflict') ?? 'error'),
    messageFile: told('termination-message') ?? '/dev/termination-log',
    holder: env.POD_NAME ?? `diolkos-${randomUUID()}`,
    namespace: env.POD_NAMESPACE,
  };
}

function readTagPolicy(text: string): TagPolicy {
  if (text === 'error' || text === 'overwrite' || text === 'skip') return text;
  throw new BundleError('USAGE_INVALID', `--tag-conflict ${text} is none of error, overwrite and skip`, { hint: usage });
}

const usage =
  'usage: job.js --bundle <file> [--volumes <dir>]… --site <file> [--timeout <seconds>] [--deadline <seconds>] [--tag-conflict error|overwrite|skip] [--termination-message <file>]';

function parseFlags(args: readonly string[]) {
  const type = 'string' as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        bundle: { type },
        volumes: { type, multiple: true },
        site: { type },
        timeout: { type },
        deadline: { type },
        'tag-conflict': { type },
        'termination-message': { type },
      },
    }).values;
  } catch (cause) {
    throw new BundleError('USAGE_INVALID', cause instanceof Error ? cause.message : String(cause), { hint: usage, cause });
  }
}
