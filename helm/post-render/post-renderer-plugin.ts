import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Helm } from '../helm.ts';
import { failureFile, type PostRender, ruleVariable } from './post-render-rule.ts';

/** What helm has to be given so that it sends its manifests through our post-renderer. */
export interface PostRendererCall {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Why the post-renderer failed, once helm has ended; empty when it did not. */
  readonly failure: () => Promise<string>;
}

const pluginName = 'diolkos-post-renderer';
const program = join(import.meta.dirname, `post-renderer${extname(import.meta.filename)}`);

/**
 * Writes the rule into `folder`, and for Helm 4, which knows post-renderers by the name of a plugin only, a folder of plugins with ours in it.
 * The program is run by the node that runs us. `name` tells the files of several releases apart.
 */
export async function layPostRenderer(
  { major }: Pick<Helm, 'major'>,
  rule: PostRender,
  { folder, name, signal }: { readonly folder: string; readonly name: string; readonly signal: AbortSignal },
): Promise<PostRendererCall> {
  const file = join(folder, `${name}-post-render.json`);
  await rm(failureFile(file), { force: true });
  await writeFile(file, JSON.stringify(rule), { mode: 0o600, signal });
  const failure = () => readFile(failureFile(file), 'utf8').catch(() => '');
  if (major === 3) {
    const args = [`--post-renderer=${process.execPath}`, `--post-renderer-args=${program}`];
    return { args, env: { [ruleVariable]: file }, failure };
  }
  const plugins = join(folder, 'helm-plugins');
  await mkdir(join(plugins, pluginName), { recursive: true });
  await writeFile(join(plugins, pluginName, 'plugin.yaml'), JSON.stringify(plugin, null, 2), { signal });
  return { args: [`--post-renderer=${pluginName}`], env: { [ruleVariable]: file, HELM_PLUGINS: plugins }, failure };
}

/** The plugin's manifest (apiVersion v1 of helm 4); JSON is YAML. */
const plugin = {
  apiVersion: 'v1',
  type: 'postrenderer/v1',
  name: pluginName,
  version: '1.0.0',
  runtime: 'subprocess',
  runtimeConfig: { platformCommand: [{ command: process.execPath, args: [program] }] },
};
