import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lock } from '../../bundle-spec/lock.ts';
import { parseDocument } from '../../bundle-spec/parse-document.ts';
import { writeLock } from '../../bundle-spec/write-lock.ts';

const digest = (byte: string): `sha256:${string}` => `sha256:${byte.repeat(64)}`;

const place = {
  release: 'shop',
  kind: 'Deployment',
  namespace: 'shop',
  name: 'web',
  path: 'spec.template.spec.containers[0].image',
};
const lock: Lock = {
  apiVersion: 'diolkos.dev/v1',
  kind: 'Lock',
  metadata: { name: 'shop', version: '1.30' },
  charts: [
    { release: 'shop', name: 'shop', version: '0.1.0', digest: digest('c'), size: 1234 },
    { release: 'api', name: 'api', version: '1e3', digest: digest('d'), size: 99 },
  ],
  images: [
    {
      reference: 'quay.io/a/web:1.0',
      source: digest('a'),
      digest: digest('b'),
      mode: 'stripped',
      mediaType: 'application/vnd.oci.image.index.v1+json',
      platforms: ['linux/amd64'],
      size: 5_000_000_000,
      class: 'used',
      gates: [],
      valuesPaths: ['shop:web.image', 'shop:image'],
      places: [place, { ...place, profile: 'nightly' }, { ...place, kind: 'CronJob', hook: 'pre-install' }],
    },
    {
      reference: 'docker.io/library/busybox:1.36',
      source: digest('e'),
      digest: digest('e'),
      mode: 'complete',
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      platforms: ['linux/amd64'],
      size: 1,
      class: 'extra',
      gates: [],
      valuesPaths: [],
      places: [],
    },
  ],
  gated: [
    { release: 'shop', reference: 'quay.io/a/report:1', gates: ['report.enabled=true', 'profile nightly'] },
    { release: 'api', reference: 'quay.io/a/tool:1', gates: [] },
  ],
  blobs: { [digest('2')]: 'quay.io/a/web:1.0', [digest('1')]: 'docker.io/library/busybox:1.36' },
  findings: [
    { release: 'shop', severity: 'warning', code: 'TAG_MUTABLE', message: 'b' },
    { release: 'shop', severity: 'warning', code: 'TAG_MUTABLE', message: 'a', fix: 'pin it' },
  ],
};

const parse = (text: string) => parseDocument(Lock, text, { file: 'bundle.lock.yaml', code: 'LOCK_INVALID' });

test('a lock is written in one order, whatever order it is given in', () => {
  const shuffled: Lock = {
    images: lock.images
      .toReversed()
      .map((image) => ({ ...image, places: image.places.toReversed(), valuesPaths: image.valuesPaths.toReversed() })),
    charts: lock.charts.toReversed(),
    gated: lock.gated.toReversed(),
    findings: lock.findings.toReversed(),
    blobs: Object.fromEntries(Object.entries(lock.blobs).toReversed()),
    metadata: { version: '1.30', name: 'shop' },
    kind: 'Lock',
    apiVersion: 'diolkos.dev/v1',
  };
  assert.equal(writeLock(shuffled), writeLock(lock));
  assert.equal(writeLock(parse(writeLock(lock))), writeLock(lock));
});

test('a lock that was written is read as it was, in its order', () => {
  const { charts, images } = parse(writeLock(lock));
  assert.deepEqual(charts, lock.charts.toReversed());
  assert.deepEqual(
    images.map(({ reference }) => reference),
    ['docker.io/library/busybox:1.36', 'quay.io/a/web:1.0'],
  );
  assert.deepEqual(images[0], lock.images[1]);
  assert.deepEqual(
    images[1]?.places.map(({ kind, profile }) => [kind, profile]),
    [
      ['CronJob', undefined],
      ['Deployment', undefined],
      ['Deployment', 'nightly'],
    ],
  );
});
