import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostArchitecture } from '../../build/go-program.ts';
import { helm4Binary } from '../../build/helm.ts';
import { version } from '../../src/version.ts';
import { compileProgram } from '../compile-program.ts';
import { authority } from '../distribution.ts';
import { imageHost } from '../image-set.ts';
import type { SeededSet } from '../seed-registry.ts';
import { type Contestant, mirrored, targetPrefix } from './contestant.ts';
import { writeWrapperChart } from './wrapper-chart.ts';

/** The program as it is published (`dist/`), compiled into `programFolder` so that edits meanwhile do not matter. */
export async function diolkos(programFolder: string, options: { readonly signal: AbortSignal }): Promise<Contestant> {
  const main = await compileProgram(programFolder);
  const cli = [process.execPath, main];
  return {
    name: 'diolkos',
    version: `diolkos ${version} on Node ${process.version}`,
    env: { DIOLKOS_HELM: await helm4Binary(hostArchitecture, options) },
    pushesImages: true,
    repositoryOf: mirrored,
    async build(set, folder) {
      const spec = await writeSpec(set, folder);
      const bundle = join(folder, 'bundle.tar');
      return { commands: [[...cli, 'build', spec, '--output', bundle]], archives: [bundle] };
    },
    async push(set, folder, targetHost) {
      const site = join(folder, 'site.yaml');
      const registry = {
        host: targetHost,
        prefix: targetPrefix,
        ...(set.tls ? { ca: { file: authority } } : { plainHttp: true }),
      };
      await writeFile(site, JSON.stringify({ apiVersion: 'diolkos.dev/v1', kind: 'Site', registry }));
      return { commands: [[...cli, 'push', join(folder, 'bundle.tar'), '--site', site]], archives: [] };
    },
  };
}

/** A spec whose one chart names the whole set. */
async function writeSpec(set: SeededSet, folder: string): Promise<string> {
  await writeWrapperChart(set.images, join(folder, 'chart'));
  const spec = {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Bundle',
    metadata: { name: 'bench', version: '1.0.0' },
    target: { kubernetes: ['1.36'], platforms: ['linux/amd64'] },
    installer: 'none',
    sources: { images: [{ host: imageHost, mirror: set.host, ...(set.tls ? { ca: authority } : { plainHttp: true }) }] },
    releases: [{ name: 'bench', namespace: 'bench', chart: { path: 'chart' } }],
  };
  await writeFile(join(folder, 'bundle.yaml'), JSON.stringify(spec));
  return join(folder, 'bundle.yaml');
}
