import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readBundle, readLock, readSite } from '../../bundle-spec/read-bundle.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diolkos-documents-'));
});
after(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('a spec with every field is read with its defaults filled in', async (t) => {
  const path = await file(
    'bundle.yaml',
    `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: shop, version: 1.4.0 }
target: { kubernetes: ["1.35", "1.36.3"], platforms: [linux/amd64, linux/arm64], helm: 4 }
installer: oci-archive:installer.tar
sources:
  charts:
    - url: https://charts.example.com/stable
      credentials: { env: { username: CHARTS_USER, password: CHARTS_PASSWORD } }
  images:
    - { host: "docker.io", mirror: mirror.example.com/docker-hub, ca: ca.pem }
    - { host: "localhost:5000", plainHttp: true, credentials: { dockerConfig: config.json } }
releases:
  - name: db
    namespace: shop
    chart: { path: ./db }
    values:
      - file: values.yaml
      - inline: { mode: 0644, on: yes, port: 1e3, started: 2001-12-14 }
      - configMap: { name: db-values }
      - secret: { name: db-secrets, key: db.yaml, optional: true }
  - name: web
    namespace: { name: web, create: false }
    chart: { oci: "oci://registry.example.com/charts/web", version: 1.2.3 }
    scan: { nightly: [{ inline: { report: true } }] }
    dependsOn: [db]
images:
  extra: [busybox:1.36]
  ignore: [docker.io/library/busybox]
  paths: [{ release: web, path: "sidecars[0].image" }]
  gated: ["quay.io/shop/*"]
`,
  );
  assert.deepEqual(await readBundle(path, { signal: t.signal }), {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Bundle',
    metadata: { name: 'shop', version: '1.4.0' },
    target: { kubernetes: ['1.35', '1.36.3'], apiVersions: [], platforms: ['linux/amd64', 'linux/arm64'], helm: 4 },
    installer: 'oci-archive:installer.tar',
    sources: {
      charts: [
        {
          url: 'https://charts.example.com/stable',
          credentials: { env: { username: 'CHARTS_USER', password: 'CHARTS_PASSWORD' } },
          plainHttp: false,
        },
      ],
      images: [
        { host: 'docker.io', mirror: 'mirror.example.com/docker-hub', ca: 'ca.pem', plainHttp: false },
        { host: 'localhost:5000', plainHttp: true, credentials: { dockerConfig: 'config.json' } },
      ],
    },
    releases: [
      {
        name: 'db',
        namespace: { name: 'shop', create: true },
        chart: { path: './db' },
        values: [
          { file: 'values.yaml' },
          { inline: { mode: 420, true: true, port: 1000, started: '2001-12-14' } },
          { configMap: { name: 'db-values', key: 'values.yaml', optional: false } },
          { secret: { name: 'db-secrets', key: 'db.yaml', optional: true } },
        ],
        scan: {},
        dependsOn: [],
      },
      {
        name: 'web',
        namespace: { name: 'web', create: false },
        chart: { oci: 'oci://registry.example.com/charts/web', version: '1.2.3' },
        values: [],
        scan: { nightly: [{ inline: { report: true } }] },
        dependsOn: ['db'],
      },
    ],
    images: {
      extra: ['busybox:1.36'],
      ignore: ['docker.io/library/busybox'],
      paths: [{ release: 'web', path: 'sidecars[0].image' }],
      gated: ['quay.io/shop/*'],
      attached: 'all',
      attestations: false,
      sparse: false,
      archives: [],
    },
  });
});

test('the smallest site is read with its defaults filled in, also with a byte order mark and CRLF', async (t) => {
  const path = await file(
    'site.yaml',
    '\uFEFFapiVersion: diolkos.dev/v1\r\nkind: Site\r\nregistry: { host: "[fd00::1]:5000" }\r\n',
  );
  assert.deepEqual(await readSite(path, { signal: t.signal }), {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Site',
    registry: { host: '[fd00::1]:5000', prefix: '', plainHttp: false },
    values: {},
    job: { namespace: 'diolkos' },
  });
});

test('the spec of the example is read', async (t) => {
  const bundle = await readBundle(join(import.meta.dirname, '../../examples/shop/bundle.yaml'), { signal: t.signal });
  assert.equal(bundle.metadata.name, 'shop');
});

const unreadable = [
  {
    name: 'a file that does not exist',
    make: async () => join(folder, 'none.yaml'),
    words: /none\.yaml cannot be read: there is no such file/,
  },
  {
    name: 'a directory',
    make: async () => {
      await mkdir(join(folder, 'specs'));
      return join(folder, 'specs');
    },
    words: /specs cannot be read: it is a directory/,
  },
  {
    name: 'a file that is no text',
    make: () => file('binary.yaml', Buffer.from([0x61, 0xff, 0xfe])),
    words: /it is not UTF-8 text/,
  },
];
for (const { name, make, words } of unreadable) {
  test(`${name} is told as such`, async (t) => {
    const path = await make();
    await assert.rejects(readLock(path, { signal: t.signal }), { code: 'FILE_UNREADABLE', message: words });
  });
}

test('reading stops when it is aborted', async () => {
  const path = await file('late.yaml', 'kind: Bundle\n');
  const reason = new Error('stopped');
  await assert.rejects(readBundle(path, { signal: AbortSignal.abort(reason) }), reason);
});
