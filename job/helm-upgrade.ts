import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { holderLabel } from '../cluster/release-history.ts';
import type { Helm } from '../helm/helm.ts';
import type { ProvenRelease } from './run.ts';

export interface UpgradeOptions {
  /** Folder for the values files; they are readable by this user only. */
  readonly folder: string;
  readonly timeoutSeconds: number;
  /** Our pod: kept on the revision, so that a later run knows whose it was. */
  readonly holder: string;
  readonly bundle: string;
  readonly signal: AbortSignal;
}

/** Arguments of `helm upgrade --install` for a release, and the names of the values files it reads, for messages. */
export async function upgradeArguments(
  helm: Pick<Helm, 'major'>,
  { helm: release, overrides }: Pick<ProvenRelease, 'helm' | 'overrides'>,
  options: UpgradeOptions,
): Promise<{ readonly args: readonly string[]; readonly fileNames: ReadonlyMap<string, string> }> {
  const { folder, timeoutSeconds, holder, bundle, signal } = options;
  const layers = [...release.values, { name: 'the generated rewrite', text: JSON.stringify(overrides, null, 2) }];
  const fileNames = new Map<string, string>();
  for (const [index, { name, text }] of layers.entries()) {
    const file = join(folder, `${release.name}-values-${index}.yaml`);
    await writeFile(file, text, { mode: 0o600, signal });
    fileNames.set(file, name);
  }
  const args = [
    'upgrade',
    release.name,
    release.chart,
    '--install',
    `--namespace=${release.namespace}`,
    // Without it an upgrade to no values at all would keep those of the revision before.
    '--reset-values',
    // Helm 4 waits by watching; without a value for it "--wait" means the same in both majors.
    helm.major === 4 ? '--wait=watcher' : '--wait',
    `--timeout=${timeoutSeconds}s`,
    '--history-max=10',
    // Notes are for the terminal of a person, and may repeat passwords.
    '--hide-notes',
    `--labels=diolkos.dev/bundle=${bundle},${holderLabel}=${holder}`,
    ...[...fileNames.keys()].map((file) => `--values=${file}`),
  ];
  return { args, fileNames };
}
