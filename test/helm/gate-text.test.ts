import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatGate } from '../../helm/gates/gate.ts';
import { parseGate } from '../../helm/gates/parse-gate.ts';
import { applyEdits } from '../../helm/overrides.ts';

const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/^__proto__$/.test(text));
const value = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.constantFrom('true', 'True', '1', '+1', '{a}', '"a"', 'ha', 'a b', 'a  --x', 'a,b=c', '--api-versions=x', 'a\nb', '\\'),
  fc.array(fc.oneof(fc.string(), fc.boolean()), { maxLength: 3 }),
  fc.array(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean())), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.dictionary(fc.string(), fc.integer()))),
);
const edit = fc.record({ path: fc.tuple(key, key), value });
const gate = fc.record(
  {
    settings: fc.array(edit, { minLength: 1, maxLength: 3 }),
    apiVersions: fc.uniqueArray(fc.constantFrom('monitoring.coreos.com/v1', 'cert-manager.io/v1'), { minLength: 1 }),
    kubernetes: fc.constant('1.30'),
  },
  { requiredKeys: ['settings'] },
);

test('a gate is read as it was written: the same values, whatever the form', () => {
  fc.assert(
    fc.property(gate, ({ settings, ...world }) => {
      const read = parseGate(formatGate({ settings, ...world, where: 'x' }));
      const { settings: found = [], ...others } = read ?? {};
      assert.deepEqual({ ...others }, { ...world });
      // Dictionaries of fast-check have no prototype.
      assert.deepEqual(plain(applyEdits({}, found)), plain(applyEdits({}, settings)));
    }),
  );
});

const texts = [
  { name: 'a truth and a word', values: { on: true, mode: 'ha' }, text: 'on=true,mode=ha' },
  { name: 'a map, by its leaves', values: { labels: { 'a.b': 'x', c: { d: 1 } } }, text: 'labels.a\\.b=x,labels.c.d=1' },
  { name: 'a list, item by item', values: { hosts: ['a.b', 'c'] }, text: 'hosts[0]=a.b,hosts[1]=c' },
  { name: 'a list of maps', values: { jobs: [{ name: 'x', on: true }] }, text: 'jobs[0].name=x,jobs[0].on=true' },
  { name: 'a comma and a space', values: { a: 'x, y' }, text: 'a=x\\,\\ y' },
  {
    name: 'texts that look like something else',
    values: { a: 'true', b: '12', c: true },
    text: 'c=true --set-string=a=true,b=12',
  },
  { name: 'a fraction, an empty map and list', values: { a: 1.5, b: {}, c: [] }, text: '--set-json=a=1.5,b={},c=[]' },
  {
    name: 'a key that would be the prototype',
    values: { a: JSON.parse('{"__proto__":"x"}') },
    text: '--set-json=a={"__proto__":"x"}',
  },
  { name: 'a list with a number as text', values: { a: ['1', 'x y'] }, text: '--set-json=a=["1","x\\u0020y"]' },
];
for (const { name, values, text } of texts) {
  const settings = Object.entries(values).map(([path, value]) => ({ path: [path], value }));
  test(`a gate is written for helm: ${name}`, () => assert.equal(formatGate({ settings, where: 'x' }), text));
  test(`a gate is read as helm does: ${name}`, () => {
    assert.deepEqual(applyEdits({}, parseGate(text)?.settings ?? []), values);
  });
}

function plain(values: unknown): unknown {
  return JSON.parse(JSON.stringify(values));
}

test('a gate that sets nothing, and what is no gate', () => {
  assert.deepEqual(parseGate('--api-versions=a/v1 --api-versions=b/v1'), { settings: [], apiVersions: ['a/v1', 'b/v1'] });
  for (const text of ['profile nightly', '', 'enabled', 'a..b=1']) assert.equal(parseGate(text), undefined, text);
});
