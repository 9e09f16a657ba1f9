import assert from 'node:assert/strict';
import { chmod, cp, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readChart } from '../../helm/charts/chart.ts';
import { readArchive, writeArchive } from '../../helm/charts/chart-archive.ts';
import { packChart } from '../../helm/charts/package-chart.ts';
import { endSize, tarHeader } from '../../images/bundle/tar-header.ts';
import { chartFolder, tempFolder } from './packed-chart.ts';

const charts = join(import.meta.dirname, '../charts');
const pack = async (t: TestContext, files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> =>
  packChart(await chartFolder(t, files), { signal: t.signal });
const named = (name: string, version: string): string => `apiVersion: v2\nname: ${name}\nversion: ${version}\n`;

test('a directory packs to the same bytes on any path, whatever the times and modes', async (t) => {
  const copy = join(await tempFolder(t), 'elsewhere');
  await cp(join(charts, 'subcharts'), copy, { recursive: true });
  await utimes(join(copy, 'values.yaml'), new Date(0), new Date(0));
  await chmod(join(copy, 'values.yaml'), 0o700);
  const [here, there] = await Promise.all([join(charts, 'subcharts'), copy].map((path) => packChart(path, { signal: t.signal })));
  assert.deepEqual(here, there);
});

test('a packed chart is read again: metadata, dependencies, files with long and foreign names', async (t) => {
  const long = `templates/${'deep/'.repeat(30)}größe.yaml`;
  const tgz = await pack(t, { [long]: 'kind: X\n', 'values.yaml': '\uFEFFa: 1\n' });
  const files = readArchive(tgz, 'shop.tgz');
  assert.deepEqual([...files.keys()], ['Chart.yaml', long, 'values.yaml']);
  assert.equal(files.get('values.yaml')?.toString(), 'a: 1\n');
  assert.deepEqual(readChart(tgz, 'shop.tgz').metadata, { apiVersion: 'v2', name: 'shop', version: '1.0.0' });
  const { dependencies, appVersion } = readChart(await packChart(join(charts, 'subcharts'), { signal: t.signal }), 'subcharts');
  assert.deepEqual(
    dependencies.map(({ name, alias }) => [name, alias]),
    [
      ['store', 'cache'],
      ['packed', undefined],
      ['store', 'queue'],
    ],
  );
  assert.equal(appVersion, '2.5.1');
});

test('.helmignore decides as in helm: folders, roots, stars, negation, dot files of templates', async (t) => {
  const files = [
    'keep.txt',
    'a.tmp',
    'deep/b.tmp',
    'ci/x.yaml',
    'deep/ci/y.yaml',
    'root.md',
    'deep/root.md',
    'templates/.hidden',
    'q1',
    'q22',
  ];
  const tgz = await pack(t, {
    '.helmignore': '# comment\n*.tmp\nci/\n/root.md\nq?\ndeep/z*\n',
    ...Object.fromEntries(files.map((path) => [path, path])),
  });
  const kept = [...readArchive(tgz, 'shop').keys()];
  assert.deepEqual(kept, ['.helmignore', 'Chart.yaml', 'deep/root.md', 'keep.txt', 'q22']);
  const negated = await pack(t, { '.helmignore': '!*.yaml\n', 'values.yaml': '', 'notes.txt': '' });
  assert.deepEqual([...readArchive(negated, 'shop').keys()], ['Chart.yaml', 'values.yaml']);
  await assert.rejects(pack(t, { '.helmignore': '**/x\n' }), { code: 'CHART_INVALID' });
});

test('links are resolved, also to outside; dead ones and circles are refused', async (t) => {
  const outside = await tempFolder(t);
  await writeFile(join(outside, 'crd.yaml'), 'kind: X\n');
  const folder = await chartFolder(t, {});
  await mkdir(join(folder, 'crds'));
  await symlink(join(outside, 'crd.yaml'), join(folder, 'crds/crd.yaml'));
  const files = readArchive(await packChart(folder, { signal: t.signal }), 'shop');
  assert.equal(files.get('crds/crd.yaml')?.toString(), 'kind: X\n');
  await symlink('..', join(folder, 'crds/up'));
  await assert.rejects(packChart(folder, { signal: t.signal }), { code: 'CHART_INVALID', message: /crds\/up/ });
  const dead = await chartFolder(t, {});
  await symlink('nowhere', join(dead, 'gone.yaml'));
  await assert.rejects(packChart(dead, { signal: t.signal }), { code: 'CHART_INVALID', message: /gone\.yaml/ });
});

test('a path without a chart is CHART_NOT_FOUND, one without Chart.yaml CHART_INVALID', async (t) => {
  await assert.rejects(packChart('/no/such/chart', { signal: t.signal }), { code: 'CHART_NOT_FOUND' });
  await assert.rejects(packChart(await tempFolder(t), { signal: t.signal }), {
    code: 'CHART_INVALID',
    message: /no Chart\.yaml/,
  });
});

const unusable: readonly { readonly name: string; readonly chartYaml: string; readonly says: RegExp }[] = [
  { name: 'apiVersion v3', chartYaml: 'apiVersion: v3\nname: a\nversion: 1.0.0', says: /apiVersion "v3"/ },
  { name: 'no name', chartYaml: 'apiVersion: v2\nversion: 1.0.0', says: /"name"/ },
  { name: 'a version that is a number', chartYaml: 'apiVersion: v2\nname: a\nversion: 1.0', says: /"version"/ },
  {
    name: 'placeholders of version control',
    chartYaml: 'apiVersion: v2\nname: a\nversion: {{ .Version }}',
    says: /Chart\.yaml is no YAML|Chart\.yaml has no "version"|a key has to be/,
  },
];
for (const { name, chartYaml, says } of unusable) {
  test(`a Chart.yaml with ${name} is refused`, () => {
    const tgz = writeArchive('a', new Map([['Chart.yaml', Buffer.from(chartYaml)]]));
    assert.throws(() => readChart(tgz, 'a.tgz'), { code: 'CHART_INVALID', message: says });
  });
}

const sub = writeArchive('sub', new Map([['Chart.yaml', Buffer.from(named('sub', '1.2.3'))]]));
const dependencies: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly lacks?: RegExp;
  readonly other?: string;
}[] = [
  { name: 'a packed subchart', files: { 'charts/sub-1.2.3.tgz': sub } },
  { name: 'a subchart folder', files: { 'charts/sub/Chart.yaml': named('sub', '1.0.0') } },
  { name: 'no charts at all', files: {}, lacks: /lacks sub ~1$/ },
  { name: 'another version', files: { 'charts/sub/Chart.yaml': named('sub', '2.0.0') }, other: 'sub ~1 (found 2.0.0)' },
  { name: 'a folder that helm skips', files: { 'charts/_sub/Chart.yaml': named('sub', '1.0.0') }, lacks: /lacks sub/ },
];
for (const { name, files, lacks, other } of dependencies) {
  test(`a chart that depends on sub ~1, with ${name}`, async (t) => {
    const chartYaml = `${named('shop', '1.0.0')}dependencies: [{name: sub, version: ~1, repository: https://charts.example.com}]\n`;
    const tgz = await pack(t, { 'Chart.yaml': chartYaml, ...files });
    const older = await pack(t, {
      'Chart.yaml': named('shop', '1.0.0').replace('v2', 'v1'),
      'requirements.yaml': 'dependencies: [{name: sub, version: ~1}]\n',
      ...files,
    });
    for (const chart of [tgz, older]) {
      if (lacks === undefined) {
        const read = readChart(chart, 'shop.tgz');
        assert.equal(read.dependencies[0]?.name, 'sub');
        assert.deepEqual(read.otherVersions, other === undefined ? [] : [other]);
      } else
        assert.throws(() => readChart(chart, 'shop.tgz'), {
          code: 'CHART_DEPENDENCIES_MISSING',
          message: lacks,
          hint: /helm dependency build/,
        });
    }
  });
}

const entry = (name: string, type = '0', size = 0): Buffer => {
  const header = tarHeader(name, size);
  const target = type === '0' ? '' : 'x';
  const sum = [...Buffer.from(type + target)].reduce((total, byte) => total + byte, -'0'.charCodeAt(0));
  header.write(type + target, 156, 'latin1');
  const checksum = Number.parseInt(header.toString('latin1', 148, 154), 8) + sum;
  header.write(checksum.toString(8).padStart(6, '0'), 148, 'latin1');
  return Buffer.concat([header, Buffer.alloc(Math.ceil(size / 512) * 512)]);
};
const tgzOf = (...entries: readonly Buffer[]): Buffer => gzipSync(Buffer.concat([...entries, Buffer.alloc(endSize)]));
const hostile: readonly { readonly name: string; readonly tgz: Buffer; readonly says: RegExp }[] = [
  { name: 'text', tgz: Buffer.from('kind: X'), says: /not gzip/ },
  { name: 'gzip of text', tgz: gzipSync('x'.repeat(600)), says: /cannot be read/ },
  { name: 'a cut archive', tgz: gzipSync(tarHeader('a/Chart.yaml', 4096)), says: /cannot be read \(Truncated/ },
  { name: 'half a gzip', tgz: tgzOf(entry('a/Chart.yaml')).subarray(0, 40), says: /damaged/ },
  { name: 'nothing', tgz: tgzOf(), says: /cannot be read/ },
  { name: 'a path that climbs out', tgz: tgzOf(entry('a/../../etc/passwd')), says: /leaves/ },
  { name: 'a path that climbs out with backslashes', tgz: tgzOf(entry('a\\..\\..\\x')), says: /leaves/ },
  { name: 'an absolute path', tgz: tgzOf(entry('/etc/passwd')), says: /absolute/ },
  { name: 'a drive', tgz: tgzOf(entry('a/c:/x')), says: /absolute/ },
  { name: 'a file outside the folder', tgz: tgzOf(entry('Chart.yaml')), says: /does not lie in/ },
  { name: 'a symbolic link', tgz: tgzOf(entry('a/link', '2')), says: /is a link/ },
  { name: 'a hard link', tgz: tgzOf(entry('a/link', '1')), says: /is a link/ },
  { name: 'a file of 6 MiB', tgz: tgzOf(entry('a/big', '0', 6 * 1024 * 1024)), says: /5 MiB/ },
  { name: 'a bomb', tgz: gzipSync(Buffer.alloc(101 * 1024 * 1024)), says: /100 MiB/ },
];
for (const { name, tgz, says } of hostile) {
  test(`an archive that is ${name} is refused`, () => {
    assert.throws(() => readArchive(tgz, 'evil.tgz'), { code: 'CHART_INVALID', message: says });
  });
}
