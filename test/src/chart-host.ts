import { createServer, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import { packChart } from '../../helm/charts/package-chart.ts';
import { digestOf } from '../../images/digest.ts';
import { listen, stopServer } from '../registries/memory-registry.ts';
import { type Reply, reply, sendReply } from '../registries/reply.ts';
import { chartFiles, folderWith } from './workshop.ts';

/** What a path is answered with: a body, or an answer that looks at the request. */
export type Served = string | Buffer | ((request: IncomingMessage) => Reply | 'cut');

export interface ChartHost {
  /** Without a slash at its end. */
  readonly url: string;
  readonly paths: Map<string, Served>;
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[];
}

/** A web server with files, as a chart repository is. `cut` ends the connection in the middle of the body. */
export async function startChartHost(t: TestContext, paths: Readonly<Record<string, Served>> = {}): Promise<ChartHost> {
  const served = new Map(Object.entries(paths));
  const requests: { path: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push({ path, authorization: request.headers.authorization });
    const found = served.get(path);
    const answer = typeof found === 'function' ? found(request) : found === undefined ? reply(404) : reply(200, {}, found);
    if (answer !== 'cut') return sendReply(request, response, answer);
    response.writeHead(200, { 'content-length': 1000 });
    response.write('half', () => response.destroy());
  });
  const port = await listen(server);
  t.after(() => stopServer(server));
  return { url: `http://127.0.0.1:${port}`, paths: served, requests };
}

/** A packed chart without images. */
export async function packedChart(t: TestContext, version: string): Promise<Buffer> {
  const folder = await folderWith(t, chartFiles([], { version }));
  return packChart(`${folder}/chart`, { signal: t.signal });
}

/** index.yaml of the chart `shop`: `[version, url, bytes to take the digest of]` an entry. */
export function indexYaml(entries: readonly (readonly [version: string, url: string, bytes?: Buffer])[]): string {
  const lines = entries.map(([version, url, bytes]) => {
    const digest = bytes === undefined ? '' : `, digest: ${digestOf(bytes).slice('sha256:'.length)}`;
    return `    - { name: shop, version: ${version}, urls: ["${url}"]${digest} }\n`;
  });
  return `apiVersion: v1\nentries:\n  shop:\n${lines.join('')}`;
}
