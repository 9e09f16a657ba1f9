import assert from 'node:assert/strict';
import { test } from 'node:test';
import { satisfiesRange } from '../../helm/charts/version-range.ts';

const table: readonly { readonly range: string; readonly takes: readonly string[]; readonly refuses: readonly string[] }[] = [
  { range: '', takes: ['1.0.0'], refuses: ['1.0.0-rc.1', 'not a version'] },
  { range: '*', takes: ['0.0.1', '9.9.9'], refuses: ['1.0.0-rc.1'] },
  { range: '1.2.3', takes: ['1.2.3', 'v1.2.3', '1.2.3+build'], refuses: ['1.2.4', '1.2.3-rc.1'] },
  { range: '=1.2', takes: ['1.2.0', '1.2.9'], refuses: ['1.3.0'] },
  { range: '1.2.x', takes: ['1.2.0', '1.2.9'], refuses: ['1.3.0', '2.2.0'] },
  { range: '0.12.*', takes: ['0.12.8'], refuses: ['0.13.0'] },
  { range: '!=1.2', takes: ['1.3.0'], refuses: ['1.2.7'] },
  { range: '>1.2', takes: ['1.3.0', '2.0.0'], refuses: ['1.2.9', '1.1.0'] },
  { range: '>=1.2', takes: ['1.2.0', '3.0.0'], refuses: ['1.1.9'] },
  { range: '<2', takes: ['1.9.9'], refuses: ['2.0.0'] },
  { range: '<=1.2', takes: ['1.2.9', '1.0.0'], refuses: ['1.3.0'] },
  { range: '~1.2.3', takes: ['1.2.3', '1.2.9'], refuses: ['1.3.0', '1.2.2'] },
  { range: '~1', takes: ['1.0.0', '1.9.0'], refuses: ['2.0.0'] },
  { range: '^1.2.3', takes: ['1.2.3', '1.9.0'], refuses: ['2.0.0', '1.2.2'] },
  { range: '^0.2.3', takes: ['0.2.9'], refuses: ['0.3.0'] },
  { range: '^0.0.3', takes: ['0.0.3'], refuses: ['0.0.4'] },
  { range: '>=1.0.0 <2', takes: ['1.5.0'], refuses: ['2.0.0'] },
  { range: '>= 1.0.0, < 2', takes: ['1.5.0'], refuses: ['0.9.0'] },
  { range: '1.2 - 2.3', takes: ['1.2.0', '2.3.4'], refuses: ['2.4.0', '1.1.0'] },
  { range: '^1 || ^3', takes: ['1.1.0', '3.4.0'], refuses: ['2.0.0'] },
  { range: '>=1.0.0-0', takes: ['1.0.0-rc.1', '1.0.0'], refuses: ['0.9.9'] },
  { range: '1.0.0-beta.2', takes: ['1.0.0-beta.2'], refuses: ['1.0.0-beta.10'] },
  { range: '>1.0.0-beta.2', takes: ['1.0.0-beta.10', '1.0.0-rc'], refuses: ['1.0.0-beta.1', '1.0.0-alpha'] },
  { range: 'latest', takes: [], refuses: ['1.0.0'] },
];

for (const { range, takes, refuses } of table) {
  test(`the range "${range}" is read as helm reads it`, () => {
    for (const version of takes) assert.equal(satisfiesRange(version, range), true, version);
    for (const version of refuses) assert.equal(satisfiesRange(version, range), false, version);
  });
}
