import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingImages } from '../../job/missing-images.ts';

const release = { name: 'web', namespace: { name: 'shop', create: true }, scan: { metrics: [] } };
const place = { release: 'web', kind: 'Deployment', name: 'web', path: 'spec.template.spec.containers[1].image' };
const found = (reference: string) => ({
  reference,
  class: 'used' as const,
  gates: [],
  valuesPaths: ['exporter.image'],
  places: [place],
});

test('images that travelled are no problem', () => {
  const images = [{ reference: 'docker.io/library/redis:7' }];
  assert.equal(missingImages([found('docker.io/library/redis:7')], { release, images, siteLayers: [] }), undefined);
});

test('an image that did not travel is named with its object, its value and what the site sets', () => {
  const siteLayers = [{ inline: { exporter: { enabled: true, password: 'secret-word' }, list: [1] } }];
  const error = missingImages([found('docker.io/exporter:1')], { release, images: [], siteLayers });
  assert.equal(error?.code, 'IMAGE_NOT_IN_BUNDLE');
  assert.match(error?.message ?? '', /docker\.io\/exporter:1/);
  const why = error?.findings.why.join('\n') ?? '';
  assert.match(why, /Deployment web, spec\.template\.spec\.containers\[1\]\.image, from the value exporter\.image/);
  assert.match(why, /the site sets: exporter\.enabled, exporter\.password, list/);
  assert.doesNotMatch(JSON.stringify(error?.findings), /secret-word/);
  assert.match(error?.findings.fix.join('\n') ?? '', /scan profile[\s\S]*profiles that travelled: metrics/);
});
