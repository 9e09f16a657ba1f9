import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { openRegistry } from '../../images/registry/registry.ts';
import { type MemoryOptions, type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { pushSample, type SampleImage, sampleImage } from '../registries/sample-images.ts';

type Files = Readonly<Record<string, string | Buffer>>;

/** A folder with these files that is gone when the test ends. */
export async function folderWith(t: TestContext, files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-src-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  await writeFiles(folder, files);
  return folder;
}

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, body] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), body);
  }
}

/** A registry in this process that is stopped when the test ends. */
export async function registryOf(t: TestContext, options: MemoryOptions = {}): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry(options);
  t.after(() => registry.stop().catch(() => undefined));
  return registry;
}

/** Puts an image into a registry that speaks http and asks nobody's name. */
export async function seed(
  { host }: { readonly host: string },
  repository: string,
  tag: string,
  image: SampleImage = sampleImage({ seed: `${repository}:${tag}` }),
): Promise<SampleImage> {
  const registry = openRegistry({ host, plainHttp: true });
  try {
    await pushSample(registry, repository, tag, image, { signal: new AbortController().signal });
  } finally {
    await registry.close();
  }
  return image;
}

/** The files of a chart in `chart/` that runs the images, a container each: `values.images[]`, whole references. */
export function chartFiles(images: readonly string[], { name = 'shop', version = '1.0.0' } = {}): Record<string, string> {
  return {
    'chart/Chart.yaml': `apiVersion: v2\nname: ${name}\nversion: ${version}\n`,
    'chart/values.yaml': `images: ${JSON.stringify(images)}\n`,
    'chart/templates/pod.yaml': `apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
spec:
  containers:
    {{- range $index, $image := .Values.images }}
    - name: c{{ $index }}
      image: {{ $image }}
    {{- end }}
`,
  };
}

/** A spec of the one release `shop` with the chart in `chart/`; `more` is YAML of the top level. */
export function specYaml(host: string, more = ''): string {
  return `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: shop, version: 1.0.0 }
target: { kubernetes: ["1.36"] }
installer: none
sources:
  images:
    - { host: "${host}", plainHttp: true }
releases:
  - { name: shop, namespace: shop, chart: { path: chart } }
${more}`;
}

export function siteYaml(host: string, more = ''): string {
  return `apiVersion: diolkos.dev/v1\nkind: Site\nregistry: { host: "${host}", plainHttp: true }\n${more}`;
}

/** A chart's pod that runs one image, which stands in the template. */
export function podYaml(name: string, image: string): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ name: c, image: "${image}" }] }\n`;
}

/** A registry with `shop/api:1.0`, and a folder whose `bundle.yaml` builds a bundle of it. */
export async function workshop(
  t: TestContext,
  options: MemoryOptions = {},
): Promise<{ readonly registry: MemoryRegistry; readonly folder: string }> {
  const registry = await registryOf(t, options);
  await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'shop/api', layers: [60_000] }));
  const files = { ...chartFiles([`${registry.host}/shop/api:1.0`]), 'bundle.yaml': specYaml(registry.host) };
  return { registry, folder: await folderWith(t, files) };
}

/** sha256 of a file, as `sha256sum` prints it. */
export async function sha256Of(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

/** `repository:tag` of every tag in a registry. */
export function tagsOf({ store }: MemoryRegistry): string[] {
  return [...store.repositories].flatMap(([name, { tags }]) => [...tags.keys()].map((tag) => `${name}:${tag}`)).sort();
}
