import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageHost } from '../image-set.ts';
import type { SeededImage } from '../seed-registry.ts';

const chart = join(import.meta.dirname, '../wrapper-chart');

/**
 * Writes a chart that names all images, in the shapes that charts have. Indexes are pinned by digest, and the chart itself knows the digests:
 * then all of them travels, by values or tag alone it would be the target's platforms only.
 */
export async function writeWrapperChart(images: readonly SeededImage[], folder: string): Promise<void> {
  await cp(chart, folder, { recursive: true });
  await writeFile(join(folder, 'values.yaml'), JSON.stringify(values(images)));
  await writeFile(join(folder, 'templates/digests.yaml'), JSON.stringify(knownDigests(images)));
}

function knownDigests(images: readonly SeededImage[]): object {
  const data = { digests: images.map(({ digest }) => digest).join(' ') };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'digests' }, data };
}

function values(images: readonly SeededImage[]): object {
  const image = (repository: string): SeededImage => {
    const found = images.find((candidate) => candidate.repository === repository);
    if (found === undefined) throw new Error(`the set has no ${repository}`);
    return found;
  };
  const full = (repository: string) => `${imageHost}/${repository}`;
  const pin = (repository: string) => `${image(repository).tag}@${image(repository).digest}`;
  const withHost = (repository: string) => ({ registry: imageHost, repository, tag: image(repository).tag });
  const withoutHost = (repository: string) => ({ repository: full(repository), tag: image(repository).tag });
  const digest = (repository: string) => ({ digest: image(repository).digest });
  return {
    api: { image: `${full('shop/api')}:${pin('shop/api')}` },
    web: { image: { ...withHost('shop/web'), ...digest('shop/web') } },
    cache: { image: { ...withoutHost('cache/redis'), ...digest('cache/redis') } },
    queue: { image: { repository: full('queue/nats'), ...digest('queue/nats') } },
    auth: { imageName: full('auth/keycloak'), imageTag: image('auth/keycloak').tag },
    operator: { image: { registry: imageHost, repository: 'platform/operator', ...digest('platform/operator') } },
    proxy: { image: withoutHost('proxy/envoy') },
    database: { image: withHost('db/postgres') },
    backup: { images: [`${full('tools/backup')}:${image('tools/backup').tag}`] },
    migrate: { image: { ...withoutHost('jobs/migrate'), ...digest('jobs/migrate') } },
    model: { image: withoutHost('ml/model') },
    monitoring: { image: withoutHost('monitoring/prometheus') },
  };
}
