import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyEdits, rewriteEdits } from '../../helm/overrides.ts';
import { formatPath, getAt, parsePath } from '../../helm/values-path.ts';

const paths: readonly (readonly [string, readonly (string | number)[]])[] = [
  ['image', ['image']],
  ['a.b[0].c', ['a', 'b', 0, 'c']],
  ['nodeSelector.kubernetes\\.io/os', ['nodeSelector', 'kubernetes.io/os']],
  ['a[1][2]', ['a', 1, 2]],
  ['x\\[y\\]\\=z', ['x[y]=z']],
];
for (const [text, path] of paths) {
  test(`${text} is read and written in the syntax of helm --set`, () => {
    assert.deepEqual(parsePath(text), path);
    assert.equal(formatPath(path), text);
  });
}

for (const text of ['', '.', '.a', 'a..b', 'a.', 'a[x]', 'a[', '[0]b']) {
  test(`"${text}" is no values path`, () => assert.equal(parsePath(text), undefined));
}

test('every path is read as it was written', () => {
  const step = fc.oneof(fc.string({ minLength: 1 }), fc.nat({ max: 99 }));
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.array(step), (first, rest) =>
      assert.deepEqual(parsePath(formatPath([first, ...rest])), [first, ...rest]),
    ),
  );
});

const values = { a: { list: [{ image: 'x', port: 80 }, { image: 'y' }], tag: 1 }, flags: '--a=one --b=two', top: null };

test('overrides hold what changes and no more, a list whole where an item changes', () => {
  const edits = [
    { path: ['a', 'list', 1, 'image'], value: 'Y' },
    { path: ['a', 'list', 0, 'image'], value: 'X' },
    { path: ['top', 'new'], value: true },
  ];
  assert.deepEqual(applyEdits(values, edits), { a: { list: [{ image: 'X', port: 80 }, { image: 'Y' }] }, top: { new: true } });
  assert.equal(getAt(values, ['a', 'list', 0, 'image']), 'x');
});

test('several parts of one string are replaced, the rest of it stays', () => {
  const part = (before: string, after: string, standsFor: string) => ({ path: ['flags'], before, after, standsFor });
  const rewrites = [part('--a=', ' --b=two', 'docker.io/library/one'), part('--a=one --b=', '', 'quay.io/two')];
  assert.deepEqual(applyEdits(values, rewriteEdits(values, rewrites, { host: 'r:5000', prefix: 'm/n' })), {
    flags: '--a=r:5000/m/n/docker.io/library/one --b=r:5000/m/n/quay.io/two',
  });
});
