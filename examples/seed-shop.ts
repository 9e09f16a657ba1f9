import { openRegistry } from '../images/registry/registry.ts';
import type { MemoryRegistry } from '../test/registries/memory-registry.ts';
import { pushSample, sampleImage, sampleIndex } from '../test/registries/sample-images.ts';

/** Repositories of the shop's images below the name of their public host, all of them with the tag that the chart wants. */
export const shopImages: readonly { readonly repository: string; readonly tag: string }[] = [
  { repository: 'registry.example.com/shop/web', tag: '1.4.0' },
  { repository: 'registry.example.com/shop/api', tag: '1.4.0' },
  { repository: 'registry.example.com/shop/migrate', tag: '1.4.0' },
  { repository: 'registry.example.com/shop/report', tag: '1.4.0' },
  { repository: 'docker.io/shop/worker', tag: '1.4.0' },
  { repository: 'tools.example.com/log-forwarder', tag: '0.9.1' },
];

/** Fills a registry with tiny images for the shop: real layers, configs and manifests, for one platform or for two. */
export async function seedShop({ host }: MemoryRegistry): Promise<void> {
  const { signal } = new AbortController();
  const registry = openRegistry({ host, plainHttp: true });
  try {
    for (const [index, { repository, tag }] of shopImages.entries()) {
      const seed = `${repository}:${tag}`;
      const layers = [6000, 2000];
      const image =
        index % 2 === 0 ? sampleIndex(['linux/amd64', 'linux/arm64'], { seed, layers }) : sampleImage({ seed, layers });
      await pushSample(registry, repository, tag, image, { signal });
    }
  } finally {
    await registry.close();
  }
}
