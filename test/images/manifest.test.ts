import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { parseManifest } from '../../images/manifest.ts';
import { dockerListType, dockerManifestType, ociIndexType, ociManifestType } from '../../images/media-types.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const blob = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 7 };
const amd64 = { mediaType: ociManifestType, digest, size: 9, platform: { os: 'linux', architecture: 'amd64' } };

const parse = (json: unknown) => parseManifest(Buffer.from(JSON.stringify(json)), 'shop/api:1');

const accepted: readonly [name: string, json: object, expected: object][] = [
  [
    'an OCI manifest without its optional mediaType',
    { schemaVersion: 2, config: blob, layers: [blob] },
    { mediaType: ociManifestType, config: blob, layers: [blob] },
  ],
  [
    'a Docker manifest',
    { schemaVersion: 2, mediaType: dockerManifestType, config: blob, layers: [] },
    { mediaType: dockerManifestType, config: blob, layers: [] },
  ],
  [
    'an artifact without layers',
    { schemaVersion: 2, artifactType: 'text/x', config: blob, layers: null },
    { mediaType: ociManifestType, artifactType: 'text/x', config: blob, layers: [] },
  ],
  [
    'an OCI index',
    { schemaVersion: 2, mediaType: ociIndexType, manifests: [amd64] },
    { mediaType: ociIndexType, manifests: [amd64] },
  ],
  [
    'a Docker list with members of its own',
    {
      schemaVersion: 2,
      mediaType: dockerListType,
      manifests: [{ ...amd64, extra: 1, platform: { ...amd64.platform, features: [] } }],
    },
    { mediaType: dockerListType, manifests: [amd64] },
  ],
  [
    'an index with null for what is absent',
    { schemaVersion: 2, manifests: [{ ...blob, platform: null, annotations: null, urls: null }] },
    { mediaType: ociIndexType, manifests: [blob] },
  ],
];
for (const [name, json, expected] of accepted) {
  test(`${name} is read`, () => assert.deepEqual(parse(json), expected));
}

const refused: readonly [name: string, json: unknown, complaint: RegExp][] = [
  ['a list', [], /no JSON object/],
  ['a document that is manifest and index', { schemaVersion: 2, config: blob, layers: [], manifests: [] }, /read in two ways/],
  ['an index that calls itself a manifest', { schemaVersion: 2, mediaType: ociManifestType, manifests: [] }, /calls itself/],
  ['a manifest that calls itself an index', { schemaVersion: 2, mediaType: ociIndexType, config: blob, layers: [] }, /two ways/],
  ['a schema 1 manifest', { schemaVersion: 1, name: 'x', fsLayers: [] }, /schema 1/],
  ['a manifest without config', { schemaVersion: 2, layers: [] }, /config/],
  [
    'another digest algorithm',
    { schemaVersion: 2, config: { ...blob, digest: `sha512:${'0'.repeat(128)}` }, layers: [] },
    /config\.digest/,
  ],
  [
    'a digest that leaves its folder',
    { schemaVersion: 2, config: { ...blob, digest: 'sha256:../../etc' }, layers: [] },
    /config\.digest/,
  ],
  ['a negative size', { schemaVersion: 2, config: blob, layers: [{ ...blob, size: -1 }] }, /layers\.0\.size/],
  ['a size that is no integer', { schemaVersion: 2, config: blob, layers: [{ ...blob, size: 2 ** 60 }] }, /layers\.0\.size/],
];
for (const [name, json, complaint] of refused) {
  test(`${name} is refused`, () => {
    assert.throws(() => parse(json), { code: 'MANIFEST_INVALID', message: complaint });
  });
}

test('a manifest over 4 MiB is refused before it is parsed', () => {
  assert.throws(() => parseManifest(Buffer.alloc((4 << 20) + 1, ' '), 'x'), {
    code: 'MANIFEST_INVALID',
    message: /4194305 bytes/,
  });
});

test('any bytes are a manifest or MANIFEST_INVALID', () => {
  const any = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(any, (bytes) => {
      try {
        parseManifest(bytes, 'x');
      } catch (error) {
        assert.ok(error instanceof BundleError && error.code === 'MANIFEST_INVALID', String(error));
      }
    }),
  );
});
