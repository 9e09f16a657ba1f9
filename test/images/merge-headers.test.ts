import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LockedAttached, LockedImage } from '../../bundle-spec/lock.ts';
import { apiVersion } from '../../bundle-spec/names.ts';
import { type NamedJson, uniteHeaders } from '../../images/bundle/merge-headers.ts';

const sha = (digit: string) => `sha256:${digit.repeat(64)}` as const;

const image: LockedImage = {
  reference: 'r.io/shop/api:1',
  source: sha('a'),
  digest: sha('a'),
  mode: 'complete',
  mediaType: 'application/vnd.oci.image.index.v1+json',
  platforms: ['linux/amd64'],
  size: 1,
  class: 'used',
  gates: [],
  valuesPaths: [],
  places: [],
};

function bundleWith(name: string, changes: Partial<LockedImage>): NamedJson {
  return {
    path: `${name}.tar`,
    json: {
      apiVersion,
      kind: 'BundleJson',
      tool: '1.0.0',
      metadata: { name, version: '1.0.0' },
      target: { kubernetes: ['1.36'], platforms: ['linux/amd64'], helm: 4 },
      releases: [],
      images: [{ ...image, ...changes }],
      gated: [],
      charts: [],
      ignore: [],
      entries: [],
      blobs: [],
      absent: [],
    },
  };
}

const unite = (...changes: readonly Partial<LockedImage>[]) =>
  uniteHeaders(
    changes.map((change, index) => bundleWith(`b${index}`, change)),
    { name: 'all', version: '1' },
    '1.0.0',
  );

test('an index that is sparse in one bundle and complete in the other is in no bundle of both', () => {
  for (const modes of [
    [{ mode: 'sparse' }, { mode: 'complete' }],
    [{ mode: 'complete' }, { mode: 'sparse' }],
  ] as const) {
    assert.throws(() => unite(...modes), {
      code: 'NAME_COLLISION',
      message: /is (sparse|complete) in b0\.tar and \w+ in b1\.tar/,
    });
  }
  assert.equal(unite({ mode: 'sparse' }, { mode: 'sparse' }).images[0]?.mode, 'sparse');
});

test('one artifact under two subjects, or under a tag too, stays under each', () => {
  const signature: LockedAttached = { subject: sha('a'), digest: sha('5'), mediaType: 'm', artifactType: 't' };
  const others: LockedAttached[] = [
    { ...signature, subject: sha('b') },
    { ...signature, tag: 'sha256-a.sig' },
  ];
  const united = unite({ attached: [signature] }, { attached: [signature, ...others] });
  assert.deepEqual(united.images[0]?.attached, [signature, ...others]);
});
