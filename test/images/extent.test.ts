import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sliceExtents } from '../../images/extent.ts';

const extents = [
  { fd: 3, position: 512, size: 10 },
  { fd: 4, position: 0, size: 5 },
  { fd: 5, position: 7, size: 20 },
];

const slices = [
  { name: 'the whole range', from: 0, size: 35, expected: extents },
  { name: 'nothing', from: 4, size: 0, expected: [] },
  { name: 'a part of the first extent', from: 2, size: 3, expected: [{ fd: 3, position: 514, size: 3 }] },
  {
    name: 'a part that begins in one extent and ends in the third',
    from: 8,
    size: 9,
    expected: [
      { fd: 3, position: 520, size: 2 },
      { fd: 4, position: 0, size: 5 },
      { fd: 5, position: 7, size: 2 },
    ],
  },
  { name: 'a part of the last extent', from: 16, size: 19, expected: [{ fd: 5, position: 8, size: 19 }] },
];
for (const { name, from, size, expected } of slices) {
  test(`a slice of extents gives ${name}`, () => assert.deepEqual(sliceExtents(extents, from, size), expected));
}

test('a slice beyond the last extent is refused', () => {
  assert.throws(() => sliceExtents(extents, 30, 6), RangeError);
});
