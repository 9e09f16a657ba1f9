import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { holderLabel } from '../cluster/release-history.ts';
import { remoteSchemaReferences } from '../helm/charts/remote-schema.ts';
import type { Helm } from '../helm/helm.ts';
import { isEmptyRule } from '../helm/post-render/post-render-rule.ts';
import { layPostRenderer, type PostRendererCall } from '../helm/post-render/post-renderer-plugin.ts';
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

/** How helm is called, and the names of the values files it reads, for messages. */
export interface UpgradeCall {
  readonly args: readonly string[];
  /** Variables that the post-renderer needs. */
  readonly env: Readonly<Record<string, string>>;
  /** Why the post-renderer failed, once helm has ended; empty when it did not. */
  readonly postRendererFailure: () => Promise<string>;
  readonly fileNames: ReadonlyMap<string, string>;
}

/** The call of `helm upgrade --install` for a release; its values files, and what the post-renderer needs, are written. */
export async function upgradeCall(
  helm: Pick<Helm, 'major'>,
  { helm: release, overrides, postRender }: Pick<ProvenRelease, 'helm' | 'overrides' | 'postRender'>,
  options: UpgradeOptions,
): Promise<UpgradeCall> {
  const { folder, timeoutSeconds, holder, bundle, signal } = options;
  const layers = [...release.values, { name: 'the generated rewrite', text: JSON.stringify(overrides, null, 2) }];
  const fileNames = new Map<string, string>();
  for (const [index, { name, text }] of layers.entries()) {
    const file = join(folder, `${release.name}-values-${index}.yaml`);
    await writeFile(file, text, { mode: 0o600, signal });
    fileNames.set(file, name);
  }
  const none: PostRendererCall = { args: [], env: {}, failure: async () => '' };
  const postRenderer = isEmptyRule(postRender)
    ? none
    : await layPostRenderer(helm, postRender, { folder, name: release.name, signal });
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
    ...(await schemaArguments(release.chart)),
    ...postRenderer.args,
    ...[...fileNames.keys()].map((file) => `--values=${file}`),
  ];
  return { args, env: postRenderer.env, postRendererFailure: postRenderer.failure, fileNames };
}

/** A schema that refers to addresses of the internet cannot be checked here, and helm would fail to. */
async function schemaArguments(chart: string): Promise<readonly string[]> {
  const remote = remoteSchemaReferences(await readFile(chart), basename(chart));
  return remote.length === 0 ? [] : ['--skip-schema-validation'];
}
