import { test } from 'node:test';
import { assertFailed, assertLeft, runCli } from './cli.ts';
import { chartFiles, folderWith } from './workshop.ts';

const head = `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: shop, version: 1.0.0 }
target: { kubernetes: ["1.36"] }
installer: none
releases:
`;
const shop = '  - { name: shop, namespace: shop, chart: { path: chart } }\n';

const badSpecs: readonly { readonly name: string; readonly spec: string; readonly error?: string; readonly says: string[] }[] = [
  {
    name: 'with an unknown field',
    spec: `${head}${shop}blessing: true\n`,
    says: ['bundle.yaml:8:1 blessing: unknown field "blessing"; accepted: '],
  },
  {
    name: 'with a wrong type',
    spec: head.replace('["1.36"]', '[1.36]') + shop,
    says: ['bundle.yaml:4:24 target.kubernetes[0]: expected text; found the number 1.36; write it in quotes: "1.36"'],
  },
  {
    name: 'with one release twice',
    spec: head + shop + shop,
    says: ['bundle.yaml:8:13 releases[1].name: ', 'shop'],
  },
  {
    name: 'with a cycle of dependencies',
    spec: `${head}  - { name: a, namespace: x, chart: { path: chart }, dependsOn: [b] }
  - { name: b, namespace: x, chart: { path: chart }, dependsOn: [a] }\n`,
    says: ['bundle.yaml:7:', 'dependsOn', 'a -> b -> a'],
  },
  {
    name: 'that depends on a release it does not have',
    spec: `${head}  - { name: a, namespace: x, chart: { path: chart }, dependsOn: [stroe] }\n`,
    says: ['bundle.yaml:7:', 'releases[0].dependsOn[0]', 'stroe'],
  },
  {
    name: 'that is no YAML',
    spec: `${head}  - { name: shop\n`,
    says: ['bundle.yaml:'],
  },
  {
    name: 'that is empty',
    spec: '',
    says: ['bundle.yaml'],
  },
  {
    name: 'that is a site',
    spec: 'apiVersion: diolkos.dev/v1\nkind: Site\nregistry: { host: registry.internal:5000 }\n',
    says: ['bundle.yaml:2:7 kind: this is a Site, but a Bundle is needed here'],
  },
  {
    name: 'of a later version',
    spec: (head + shop).replace('dev/v1', 'dev/v2'),
    says: ['bundle.yaml:1:13 apiVersion: found "diolkos.dev/v2", but this version of diolkos reads "diolkos.dev/v1"'],
  },
  {
    name: 'with five mistakes tells all five',
    spec: `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: Shop, version: 1.30 }
target: { kubernetes: "1.36", platforms: [amd64] }
releases:
  - { name: shop, chart: { path: chart } }
`,
    says: [
      'bundle.yaml:3:19 metadata.name:',
      'bundle.yaml:3:34 metadata.version:',
      'bundle.yaml:4:23 target.kubernetes:',
      'bundle.yaml:4:43 target.platforms[0]:',
      'bundle.yaml:6:5 releases[0].namespace:',
    ],
  },
  {
    name: 'whose values file is missing',
    spec: `${head}  - { name: shop, namespace: shop, chart: { path: chart }, values: [{ file: prod.yaml }] }\n`,
    error: 'FILE_UNREADABLE',
    says: [
      'releases[0].values[0]: the values file prod.yaml cannot be read: there is no such file',
      'relative to the spec',
      '/prod.yaml',
    ],
  },
  {
    name: 'whose certificates are missing',
    spec: `${head}${shop}sources: { images: [{ host: registry.example.com, ca: ca.pem }] }\n`,
    error: 'FILE_UNREADABLE',
    says: ['ca.pem', 'registry.example.com', 'relative to the spec'],
  },
  {
    name: 'whose installer is missing',
    spec: head.replace('installer: none', 'installer: oci-archive:installer.tar') + shop,
    error: 'FILE_UNREADABLE',
    says: ['/installer.tar: there is no such file', 'the spec names it as its installer', 'installer: none'],
  },
  {
    name: 'with an installer of no valid name',
    spec: head.replace('installer: none', 'installer: "not an image"') + shop,
    error: 'REFERENCE_INVALID',
    says: ['bundle.yaml installer: "not an image" is no image reference'],
  },
  {
    name: 'with an image of no valid name',
    spec: `${head}${shop}images: { extra: ["Registry.Example.com/Shop:1.0"] }\n`,
    error: 'REFERENCE_INVALID',
    says: ['images.extra[0]: "Registry.Example.com/Shop:1.0" is no image reference', 'lower-case'],
  },
];

for (const { name, spec, error = 'SPEC_INVALID', says } of badSpecs) {
  test(`a spec ${name}`, async (t) => {
    const folder = await folderWith(t, { 'bundle.yaml': spec, ...chartFiles([]) });
    const run = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
    assertFailed(run, { error, says });
    await assertLeft(folder, ['bundle.yaml', 'chart']);
  });
}

test('a spec that does not exist', async (t) => {
  const folder = await folderWith(t, {});
  const run = await runCli(['images', 'bundle.yaml'], { folder });
  assertFailed(run, { error: 'FILE_UNREADABLE', says: ['bundle.yaml'] });
});

test('a spec that is a directory', async (t) => {
  const folder = await folderWith(t, { 'bundle.yaml/README': '' });
  const run = await runCli(['images', 'bundle.yaml'], { folder });
  assertFailed(run, { error: 'FILE_UNREADABLE', says: ['bundle.yaml', 'directory'] });
});
