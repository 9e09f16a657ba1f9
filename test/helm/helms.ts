import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { goProgram, hostArchitecture } from '../../build/go-program.ts';
import { helm4Binary } from '../../build/helm.ts';
import { type Helm, openHelm } from '../../helm/helm.ts';
import { helm3 } from '../world/machine/programs.ts';
import { helmOfKubectlLayer } from './kubectl-layer.ts';

/**
 * The helm programs to test with. `HELMS=3,4`: both majors, built from their Go modules where the cache lacks them. Otherwise one: what
 * `DIOLKOS_HELM` names, the helm on the PATH, or that of the npm package.
 */
export async function helmsUnderTest(): Promise<readonly Helm[]> {
  const { signal } = new AbortController();
  const paths =
    process.env.HELMS === undefined ? [await anyHelm()] : await Promise.all(process.env.HELMS.split(',').map(helmOfMajor));
  return Promise.all(paths.map((path) => openHelm(path, { signal })));
}

/** Path of one helm that runs here, without building any. */
export async function anyHelm(): Promise<string> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const path of [process.env.DIOLKOS_HELM, ...folders.map((folder) => join(folder, 'helm'))]) {
    if (path !== undefined && (await isThere(path))) return path;
  }
  return helmOfKubectlLayer();
}

async function helmOfMajor(major: string): Promise<string> {
  if (major === '3') return join(await goProgram(helm3, hostArchitecture), helm3.name);
  if (major === '4') return helm4Binary(hostArchitecture);
  throw new Error(`HELMS=${process.env.HELMS}: expected 3, 4 or "3,4"`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
