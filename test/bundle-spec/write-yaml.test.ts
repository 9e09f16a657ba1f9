import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { writeYaml } from '../../bundle-spec/write-yaml.ts';

for (const text of [
  '1.30',
  '0644',
  '0o17',
  '0_9',
  '.5_0',
  '1_000',
  'on',
  'y',
  '~',
  '',
  '<<',
  '=',
  '1e3',
  '2001-12-14',
  '1:30',
  '- a',
  'a: b',
  '# a',
  ' a ',
  'a\nb\n',
]) {
  test(`the text ${JSON.stringify(text)} is still a text when it is read back`, () => {
    assert.deepEqual(parseYaml11(writeYaml({ text })), [{ text }]);
  });
}

const texts = fc.string({ unit: fc.constantFrom(...'0123456789abefinosxy+-._:~=<#\'"!&*|>[]{},% \n\t'), maxLength: 6 });

test('whatever is written is read back as it was, by the rules of helm and by those of YAML 1.2', () => {
  const value = fc.dictionary(texts, fc.oneof(texts, fc.integer(), fc.boolean(), fc.constant(null), fc.array(texts)));
  fc.assert(
    fc.property(value, (written) => {
      assert.deepEqual(parseYaml11(writeYaml(written)), [{ ...written }]);
      assert.deepEqual(load(writeYaml(written)), { ...written });
    }),
    { numRuns: 2000 },
  );
});
