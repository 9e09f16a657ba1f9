import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatGate } from '../../helm/gate.ts';
import { parseGate } from '../../helm/parse-gate.ts';

const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/[\s]/.test(text));
const value = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer(),
  fc.constant(null),
  fc.constantFrom('true', '1', 'ha', 'a b', 'a,b=c', '--api-versions=x'),
  fc.array(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean())), { maxLength: 3 }),
);
const edit = fc.record({ path: fc.tuple(key, fc.oneof(key, fc.nat(20))), value });
const gate = fc.record(
  {
    settings: fc.array(edit, { minLength: 1, maxLength: 3 }),
    apiVersions: fc.uniqueArray(fc.constantFrom('monitoring.coreos.com/v1', 'cert-manager.io/v1'), { minLength: 1 }),
    kubernetes: fc.constant('1.30'),
  },
  { requiredKeys: ['settings'] },
);

test('a gate is read as it was written', () => {
  fc.assert(
    fc.property(gate, (given) => {
      // Dictionaries of fast-check have no prototype.
      assert.deepEqual(parseGate(formatGate({ ...given, where: 'x' })), JSON.parse(JSON.stringify(given)));
    }),
  );
});

test('a gate that sets nothing, and what is no gate', () => {
  assert.deepEqual(parseGate('--api-versions=a/v1 --api-versions=b/v1'), { settings: [], apiVersions: ['a/v1', 'b/v1'] });
  for (const text of ['profile nightly', '', 'enabled', 'a..b=1']) assert.equal(parseGate(text), undefined, text);
});
