import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from '../../helm/gates/parse-settings.ts';

const cases: readonly { readonly name: string; readonly text: string; readonly edits: ReturnType<typeof parseSettings> }[] = [
  {
    name: 'truths, whole numbers and null are such, as with helm',
    text: 'a=true,b=12,c=null,d=-3',
    edits: [
      { path: ['a'], value: true },
      { path: ['b'], value: 12 },
      { path: ['c'], value: null },
      { path: ['d'], value: -3 },
    ],
  },
  {
    name: 'other numbers stay text, as with helm',
    text: 'tag=1.20,mode=0644',
    edits: [
      { path: ['tag'], value: '1.20' },
      { path: ['mode'], value: '0644' },
    ],
  },
  { name: 'an index and an escaped dot', text: 'a[1].b\\.c=x', edits: [{ path: ['a', 1, 'b.c'], value: 'x' }] },
  { name: 'a list as helm writes it', text: 'a={x,1,y\\,z}', edits: [{ path: ['a'], value: ['x', 1, 'y,z'] }] },
  {
    name: 'truth in capitals, as with helm',
    text: 'a=True,b=NULL',
    edits: [
      { path: ['a'], value: true },
      { path: ['b'], value: null },
    ],
  },
  { name: 'an escaped comma', text: 'a=x\\,y', edits: [{ path: ['a'], value: 'x,y' }] },
  { name: 'an escaped "=" in a key', text: 'a\\=b=c', edits: [{ path: ['a=b'], value: 'c' }] },
  {
    name: 'lists and maps as JSON, commas in them too',
    text: 'a=[{"b":1,"c":"x,]y"}],d={}',
    edits: [
      { path: ['a'], value: [{ b: 1, c: 'x,]y' }] },
      { path: ['d'], value: {} },
    ],
  },
  { name: 'nothing after the "="', text: 'a=', edits: [{ path: ['a'], value: '' }] },
  { name: 'what is no JSON after all', text: 'a={b', edits: [{ path: ['a'], value: '{b' }] },
  { name: 'no "="', text: 'a', edits: undefined },
  { name: 'no key', text: '=b', edits: undefined },
];
for (const { name, text, edits } of cases) {
  test(`settings: ${name}`, () => assert.deepEqual(parseSettings(text), edits));
}
