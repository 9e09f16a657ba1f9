/** What we read is what helm reads: real helm prints the values that our parser is given too. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { YAMLException } from 'js-yaml';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { type Helm, openHelm } from '../../helm/helm.ts';
import { helmOfKubectlLayer } from '../helm/kubectl-layer.ts';

const read: Readonly<Record<string, string>> = {
  booleans: 'y Y n N yes Yes YES yEs no No NO on On ON off Off OFF true True TRUE tRue false False FALSE oN',
  nulls: '~ null Null NULL nULL',
  'words that only YAML 1.1 or 1.2 knows': '= << inf Infinity NaN -~ ?a -a :a',
  octals: '0644 0o644 0O644 -0644 +0644 00 08 0899 0_7 07_0 +0o7 -0o7 0o8 0o 0777777777777777777777 07777777777777777777777777',
  'hexadecimal and binary':
    '0x1F 0X1F 0x_1F 0x1_F -0x1F +0x1F 0xG 0x 0xFFFFFFFFFFFFFFFF 0x1FFFFFFFFFFFFFFFFF 0b101 0B101 -0b101 +0b1 0b2 0b',
  'integers, also past 2^53 and 2^64': `1_000 1_ 1__0 _1 +12 -0 +0 1,000 9007199254740991 9007199254740993 -9007199254740993
    9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616 123456789012345678`,
  floats: `1.5 1.0 1.30 1. .5 -.5 +.5 1e3 1E3 1e+3 1e-3 1e21 1e20 1.0e100 0.1 6.8523015e+5 685.230_15e+03 1_0.5_0 09.5 01.5 0.e1
    1e400 -1e400 5e-324 1e-400 3.14159265358979323846 0.0000001 -0.0 0x1p3 0x1.8p1 1e e1 12e 1.2.3 . .. 0.1. .5_0 .5_ .5__0 .5e1_0
    .5e400 +.5e3 +.5_ ._5`,
  'sexagesimals and dates':
    '190:20:30 1:30 1:30.5 2001-12-14 2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43Z 2001-1-1 2001-13-14',
};

const structures: Readonly<Record<string, string>> = {
  'a date with a space': '2001-12-14 21:59:43.10 -5',
  'explicit tags':
    '[!!str 12, !!int "12", !!float 1, !!bool "yes", !!null "", !!binary aGVsbG8=, !!timestamp 2001-12-14, !!float 0644]',
  'unknown and unspecific tags': '[!foo bar, ! 12, !<tag:yaml.org,2002:str> 5, !<tag:yaml.org,2002:int> "5", !!merge <<]',
  'tagged collections': '[!!set {a, b}, !!omap [a: 1], !foo {a: 1}]',
  'quoted scalars': `["12", 'on', "0644", "~", '']`,
  'keys that are no text': '{on: 1, 1: a, 1.5: a, 0644: a, 2001-12-14: a, =: a, .inf: a, .nan: a, -.inf: a}',
  'keys that are floats': '{1.0: a, 1e3: a, 1e6: a, 123456789.5: a, 1e-5: a, 0.0001: a, 1e21: a, 1e100: a, 1.1: a}',
  'a key past 2^53': '{9007199254740993: a}',
  'empty values': '{a: , b: }',
  'a key that is given twice': '{a: 1, a: 2}',
  'a key named __proto__': '{__proto__: {a: 1}}',
  'merge keys': '{x: &x {a: 1, b: 1}, y: {<<: *x, b: 2}, z: {b: 2, <<: *x}, l: {<<: [{a: 1}, {a: 2, c: 3}]}, q: {"<<": {a: 1}}}',
  aliases: '{a: &x [1, on], b: *x, c: &y 0644, d: *y}',
  'an anchor that is set anew': '[&a 1, *a, &a 2, *a]',
  'block text': '|\n  a\n   b\n\n  c\n',
  'folded text': '>-\n  a\n  b\n\n  c\n',
  'a quoted text over lines': '"a\\\n  b\n  c"',
  'a plain text over lines': 'a\n  b\n  c',
  escapes: '"\\x41\\u00e9\\U0001F600\\e\\t\\_"',
  'brackets that end left of their key': '{a: 1}\nw:\n  x: [\n  "a",\n{\n"b": [\n]\n}\n]\n  y: "c\nd"\n  z: 1',
};

const refused: readonly string[] = [
  '.inf',
  '[1, .nan]',
  '!!int 1.5',
  '!!bool 1',
  '!!null foo',
  '{~: a}',
  '{9223372036854775808: a}',
  '{? [a] : b}',
  '{? {a: 1} : b}',
  '{<<: 1}',
  '{a: &x [1], <<: *x}',
  '{a: *x}',
  '{a: &x [*x]}',
  'a: b: c',
  '- a',
  '@a',
  '"a\n\nb: 1',
];

let folder: string;
let helm: Helm;
before(async () => {
  helm = await openHelm(await helmOfKubectlLayer(), { signal: AbortSignal.timeout(60_000) });
  folder = await mkdtemp(join(tmpdir(), 'diolkos-yaml-'));
  await mkdir(join(folder, 'chart/templates'), { recursive: true });
  await writeFile(join(folder, 'chart/Chart.yaml'), 'apiVersion: v2\nname: chart\nversion: 0.1.0\n');
  await writeFile(join(folder, 'chart/templates/values.yaml'), '{{ .Values | toJson }}\n');
});
after(() => rm(folder, { recursive: true }));

/** The values as helm's JSON; undefined when helm refuses the file. */
async function readByHelm(values: string, signal: AbortSignal): Promise<unknown> {
  const file = join(folder, 'values.yaml');
  await writeFile(file, values);
  const { exitCode, stdout, stderr } = await helm.run(['template', 'r', join(folder, 'chart'), '--values', file], { signal });
  if (exitCode !== 0) assert.match(stderr, /values\.yaml/);
  return exitCode === 0 ? JSON.parse(stdout.slice(stdout.indexOf('{'))) : undefined;
}

const accepted = Object.entries(read)
  .map(
    ([name, texts]) =>
      [
        name,
        texts
          .split(/\s+/)
          .map((text) => `- ${text}`)
          .join('\n'),
      ] as const,
  )
  .map(([name, list]) => [name, `v:\n${list}\n`] as const);
for (const [name, values] of [...accepted, ...Object.entries(structures).map(([key, text]) => [key, `v: ${text}\n`] as const)]) {
  test(`${name}: read as helm reads it`, async (t) => {
    assert.deepEqual(parseYaml11(values), [await readByHelm(values, t.signal)]);
  });
}

test('what helm cannot read is an error with a position', async (t) => {
  for (const text of refused) {
    const values = `v: ${text}\n`;
    assert.equal(await readByHelm(values, t.signal), undefined, `helm reads ${text}`);
    assert.throws(
      () => parseYaml11(values),
      (error) => error instanceof YAMLException && error.mark !== undefined,
      `we read ${text}`,
    );
  }
});

const manifests = [
  { name: 'a plain "="', text: 'a: =\nb: [=]\n', documents: [{ a: '=', b: ['='] }] },
  { name: 'several documents', text: 'a: 1\n---\n# only a comment\n---\nb: on\n', documents: [{ a: 1 }, null, { b: true }] },
  { name: 'no document', text: '# only a comment\n', documents: [] },
];
for (const { name, text, documents } of manifests) {
  test(`a manifest with ${name} is read`, () => assert.deepEqual(parseYaml11(text), documents));
}

test('pretty JSON of thousands of lines left of its key is read in a moment', () => {
  const value = { a: Array.from({ length: 500 }, (_, index) => ({ index, b: ['x'] })) };
  const began = performance.now();
  assert.deepEqual(parseYaml11(`x:\n      z: ${JSON.stringify(value, null, 2)}\n      q: 1\n`), [{ x: { z: value, q: 1 } }]);
  assert.ok(performance.now() - began < 5000);
});
