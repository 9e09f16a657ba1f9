/** Charts made at random, with images in random shapes, depths and places: every one of them has to be found and rewritten. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { discoverRelease } from '../../helm/discover.ts';
import type { Helm } from '../../helm/helm.ts';
import { rewriteRelease } from '../../helm/prove.ts';
import { formatReference, parseReference } from '../../images/reference.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

interface Image {
  readonly host: string;
  readonly name: string;
  readonly tag: string;
}

/** How values hold an image, and how a template puts it together from `$v`. */
const shapes: Readonly<Record<string, { values(image: Image): unknown; readonly template: string }>> = {
  repository: {
    values: ({ host, name, tag }) => ({ repository: join(host, name), tag }),
    template: '{{ $v.repository }}:{{ $v.tag }}',
  },
  registry: {
    values: ({ host, name, tag }) => ({ registry: host || 'docker.io', repository: name, tag }),
    template: '{{ $v.registry }}/{{ $v.repository }}:{{ $v.tag }}',
  },
  name: { values: ({ host, name, tag }) => ({ name: join(host, name), tag }), template: '{{ $v.name }}:{{ $v.tag }}' },
  whole: { values: ({ host, name, tag }) => ({ image: `${join(host, name)}:${tag}` }), template: '{{ $v.image }}' },
  digest: {
    values: ({ host, name, tag }) => ({ repository: join(host, name), tag, digest: `sha256:${'b'.repeat(64)}` }),
    template: '{{ $v.repository }}:{{ $v.tag }}@{{ $v.digest }}',
  },
  bareHex: {
    values: ({ host, name, tag }) => ({ repository: join(host, name), tag, sha: 'b'.repeat(64) }),
    template: '{{ $v.repository }}:{{ $v.tag }}@sha256:{{ $v.sha }}',
  },
  listed: {
    values: ({ host, name, tag }) => ({ images: [`${join(host, name)}:${tag}`] }),
    template: '{{ (index $v.images 0) }}',
  },
  template: {
    values: ({ host, name, tag }) => ({ image: host === '' ? `${name}:${tag}` : `${host}/{{ print "${name}" }}:${tag}` }),
    template: '{{ (tpl $v.image $) }}',
  },
};

/** Where an object holds the reference `r`. */
const places: Readonly<Record<string, (name: string, r: string) => string>> = {
  container: (name, r) => `kind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: main, image: "${r}"}]}`,
  job: (name, r) =>
    `kind: Job\nmetadata: {name: ${name}}\nspec: {template: {spec: {initContainers: [{name: main, image: "${r}"}]}}}`,
  resource: (name, r) => `kind: Database\nmetadata: {name: ${name}}\nspec: {engine: {image: "${r}"}}`,
  flag: (name, r) =>
    `kind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: main, args: ["--v=2", "--sidecar-image=${r}"]}]}`,
  variable: (name, r) =>
    `kind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: main, env: [{name: A, value: "x=${r},y=1"}]}]}`,
  document: (name, r) => `kind: ConfigMap\nmetadata: {name: ${name}}\ndata:\n  config.yaml: |\n    workers:\n      - image: ${r}`,
  annotation: (name, r) =>
    `kind: Pod\nmetadata: {name: ${name}, annotations: {inject.example.com/proxy-image: "${r}"}}\nspec: {}`,
  volume: (name, r) => `kind: Pod\nmetadata: {name: ${name}}\nspec: {volumes: [{name: data, image: {reference: "${r}"}}]}`,
  listItem: (name, r) =>
    `kind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {containers: [{name: main, image: "${r}"}]}}]`,
  workflow: (name, r) => `kind: Flow\nmetadata: {name: ${name}}\nspec: {steps: [{container: {image: "${r}", command: [x]}}]}`,
  encodedTwice: (name, r) =>
    `kind: Secret\nmetadata: {name: ${name}}\ndata:\n  config: {{ printf "worker:\\n  image: %s\\n" (print ${asArgument(r)}) | b64enc | b64enc }}`,
  secret: (name, r) =>
    `kind: Secret\nmetadata: {name: ${name}}\ndata:\n  config: {{ printf "{\\"workerImage\\": \\"%s\\"}" (print ${asArgument(r)}) | b64enc }}`,
};

/** Where an object holds a reference that is spread over names: `name` and `pin`. */
const spreads: Readonly<Record<string, (object: string, name: string, pin: string) => string>> = {
  variables: (object, name, pin) =>
    `kind: Pod\nmetadata: {name: ${object}}\nspec: {containers: [{name: main, env: [{name: AGENT_IMAGE, value: "${name}"}, {name: MODE, value: x}, {name: AGENT_IMAGE_TAG, value: "${pin}"}]}]}`,
  flags: (object, name, pin) =>
    `kind: Pod\nmetadata: {name: ${object}}\nspec: {containers: [{name: main, args: ["--agent-image-repository=${name}", "--agent-image-tag=${pin}"]}]}`,
  keys: (object, name, pin) =>
    `kind: Database\nmetadata: {name: ${object}}\nspec: {agent: {repository: "${name}", tag: "${pin}", replicas: 1}}`,
  stem: (object, name, pin) =>
    `kind: Database\nmetadata: {name: ${object}}\nspec: {agentImage: "${name}", agentImageTag: "${pin}"}`,
};

const word = fc.stringMatching(/^[a-z]{2,6}$/);
const image = fc.record({
  host: fc.constantFrom('', 'quay.io', 'ghcr.io', 'registry.example.com:5000'),
  name: fc.tuple(word, word).map(([team, name]) => `${team}/${name}`),
  tag: fc.constantFrom('1.2.3', 'v7.0-alpine', '2024-01-31'),
});
const slot = fc.record({
  image,
  shape: fc.constantFrom(...Object.keys(shapes)),
  place: fc.constantFrom(...Object.keys(places)),
  depth: fc.array(word, { maxLength: 3 }),
});

const spread = fc.record({ image, place: fc.constantFrom(...Object.keys(spreads)), depth: fc.array(word, { maxLength: 2 }) });

for (const helm of await helmsUnderTest()) {
  test(`helm ${helm.version}: every reference that a random chart spreads over names is found and rewritten`, async (t) => {
    const property = fc.asyncProperty(fc.array(spread, { minLength: 1, maxLength: 6 }), async (slots) => {
      const values: Record<string, unknown> = {};
      const templates = slots.map(({ image: { host, name, tag }, place, depth }, index) => {
        values[`part${index}`] = depth.reduceRight<unknown>((inner, key) => ({ [key]: inner }), {
          repository: join(host, name),
          tag,
        });
        const way = ['.Values', `part${index}`, ...depth].join('.');
        return `apiVersion: v1\n${spreads[place]?.(`object${index}`, `{{ ${way}.repository }}`, `{{ ${way}.tag }}`) ?? ''}\n`;
      });
      const wanted = slots.map(({ image: { host, name, tag } }) => `${join(host, name)}:${tag}`);
      await checkChart(helm, t, { 'values.yaml': JSON.stringify(values), 'templates/all.yaml': templates.join('---\n') }, wanted);
    });
    await fc.assert(property, { numRuns: 8, endOnFailure: true });
  });

  test(`helm ${helm.version}: every image of a random chart is found and rewritten`, async (t) => {
    const property = fc.asyncProperty(fc.array(slot, { minLength: 1, maxLength: 8 }), async (slots) => {
      const values: Record<string, unknown> = {};
      const templates = slots.map(({ image: one, shape, place, depth }, index) => {
        const path = [`part${index}`, ...depth];
        values[`part${index}`] = depth.reduceRight<unknown>((inner, key) => ({ [key]: inner }), shapes[shape]?.values(one));
        const object = places[place]?.(`object${index}`, shapes[shape]?.template ?? '') ?? '';
        return `{{- $v := .Values.${path.join('.')} }}\napiVersion: v1\n${object}\n`;
      });
      const files = { 'values.yaml': JSON.stringify(values), 'templates/all.yaml': templates.join('---\n') };
      const wanted = slots.map(({ image: { host, name, tag }, shape }) => {
        const digest = shape === 'digest' || shape === 'bareHex' ? `@sha256:${'b'.repeat(64)}` : '';
        return `${join(host, name)}:${tag}${digest}`;
      });
      await checkChart(helm, t, files, wanted);
    });
    await fc.assert(property, { numRuns: 12, endOnFailure: true });
  });
}

/** One place for each of `wanted`, all found and all rewritten. */
async function checkChart(
  helm: Helm,
  t: TestContext,
  files: Readonly<Record<string, string>>,
  wanted: readonly string[],
): Promise<void> {
  const release = await releaseOf(t, await chartFolder(t, files));
  const options = { kubernetes: ['1.36'], paths: [], ignore: [], signal: t.signal };
  const discovery = await discoverRelease(helm, release, options);
  assert.deepEqual(
    discovery.references.map(({ reference }) => reference),
    [...new Set(wanted.map((text) => formatReference(parseReference(text))))].sort(),
  );
  assert.equal(discovery.references.flatMap((found) => found.places).length, wanted.length);
  const { leftovers } = await rewriteRelease(helm, release, discovery, { host: 'r.internal', prefix: 'm' }, options);
  assert.deepEqual(leftovers, []);
}

function join(host: string, name: string): string {
  return host === '' ? name : `${host}/${name}`;
}

/** A template's text as arguments of `print`: `{{ $v.a }}:{{ $v.b }}` -> `$v.a ":" $v.b`. */
function asArgument(template: string): string {
  return template
    .replace(/\{\{ (.*?) \}\}|([^{]+)/g, (_, expression?: string, text?: string) => ` ${expression ?? JSON.stringify(text)} `)
    .trim();
}
