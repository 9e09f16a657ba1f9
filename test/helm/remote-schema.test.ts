import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeArchive } from '../../helm/charts/chart-archive.ts';
import { remoteSchemaReferences } from '../../helm/charts/remote-schema.ts';
import { discoverRelease } from '../../helm/discover.ts';
import { rewriteRelease } from '../../helm/prove.ts';
import { helmsUnderTest } from './helms.ts';
import { releaseOf } from './packed-chart.ts';
import { renderObjects } from './render-objects.ts';

const chartYaml = (name: string): Buffer => Buffer.from(`apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`);
const chartWith = (files: Readonly<Record<string, string | Buffer>>): Buffer =>
  writeArchive(
    'shop',
    new Map([
      ['Chart.yaml', chartYaml('shop')],
      ...Object.entries(files).map(([path, body]): [string, Buffer] => [path, Buffer.from(body)]),
    ]),
  );

const schemas: readonly { readonly name: string; readonly schema: string; readonly remote: readonly string[] }[] = [
  {
    name: 'an address, whatever part of it is meant',
    schema: '{"properties": {"a": {"$ref": "https://x.example/a.json#/b"}, "c": {"$ref": "https://x.example/a.json"}}}',
    remote: ['https://x.example/a.json'],
  },
  {
    name: 'a name beside its own address',
    schema: '{"$id": "https://x.example/s/root.json", "properties": {"a": {"$ref": "part.json"}}}',
    remote: ['https://x.example/s/part.json'],
  },
  { name: 'a dialect of its own', schema: '{"$schema": "https://x.example/dialect"}', remote: ['https://x.example/dialect'] },
  { name: 'the known dialects', schema: '{"$schema": "https://json-schema.org/draft/2020-12/schema"}', remote: [] },
  {
    name: 'parts that it carries itself',
    schema:
      '{"$id": "https://x.example/r", "$defs": {"p": {"$id": "https://x.example/p"}}, "allOf": [{"$ref": "/p"}, {"$ref": "#/$defs/p"}]}',
    remote: [],
  },
  { name: 'data that looks like a reference', schema: '{"default": {"$ref": "https://x.example/a"}}', remote: [] },
  { name: 'no JSON', schema: '{"$ref": "https://x.example/a"', remote: [] },
];

for (const { name, schema, remote } of schemas) {
  test(`a values schema with ${name}: ${remote.length === 0 ? 'nothing to fetch' : remote}`, () => {
    assert.deepEqual(remoteSchemaReferences(chartWith({ 'values.schema.json': schema }), 'shop.tgz'), remote);
  });
}

test('schemas of subcharts count, in folders and packed ones', () => {
  const schema = (name: string): string => `{"$ref": "https://x.example/${name}"}`;
  const inner = writeArchive(
    'packed',
    new Map([
      ['Chart.yaml', chartYaml('packed')],
      ['values.schema.json', Buffer.from(schema('packed'))],
    ]),
  );
  const chart = chartWith({
    'charts/folder/Chart.yaml': chartYaml('folder'),
    'charts/folder/values.schema.json': schema('folder'),
    'charts/packed-1.0.0.tgz': inner,
    'files/values.schema.json': schema('file'),
  });
  assert.deepEqual(remoteSchemaReferences(chart, 'shop.tgz'), ['https://x.example/folder', 'https://x.example/packed']);
});

for (const helm of await helmsUnderTest()) {
  test(`helm ${helm.version}: a chart whose schema is on the internet is found and proven without it`, async (t) => {
    const release = await releaseOf(t, join(import.meta.dirname, '../charts/schema-with-remote-reference'));
    // helm itself would go there.
    await assert.rejects(renderObjects(helm, release, { kubernetes: '1.36', signal: t.signal }), /schemas\.shop\.invalid/);
    const options = { kubernetes: ['1.36'], paths: [], ignore: [], signal: t.signal };
    const discovery = await discoverRelease(helm, release, options);
    assert.deepEqual(
      discovery.references.map(({ reference }) => reference),
      ['quay.io/shop/api:1.4.2'],
    );
    const { leftovers } = await rewriteRelease(helm, release, discovery, { host: 'registry.internal:5000', prefix: '' }, options);
    assert.deepEqual(leftovers, []);
  });
}
