import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FoundReference, Leftover } from '../../helm/discovery.ts';
import { type ShownVariant, type ShownVariants, uniteImages, uniteLeftovers } from '../../src/unite-survey.ts';

const placeIn = (name: string) => ({ release: 'shop', kind: 'Pod', name, path: 'spec.containers[0].image' });

function found(reference: string, as: FoundReference['class'], gates: readonly string[] = []): FoundReference {
  return { reference, class: as, gates, valuesPaths: [], places: [placeIn(reference)] };
}

function left(reference: string): Leftover {
  return { place: placeIn(reference), template: 'a.yaml', reference, reason: 'not-local', specLine: '' };
}

/** A render that shows `references`, of which `leftovers` stay foreign. */
function variant(references: readonly FoundReference[], leftovers: readonly Leftover[] = []): ShownVariant {
  const rewritable = new Map(leftovers.map(({ reference }) => [reference, 'no'] as const));
  return { discovery: { references, dumped: [], kinds: [] }, rewrite: { leftovers, rewritable }, movable: new Set() };
}

function survey(parts: Partial<ShownVariants>): ShownVariants {
  return {
    deployed: variant([]),
    profiles: new Map(),
    gated: [],
    declared: [],
    taken: new Set(),
    opened: [],
    findings: [],
    renders: 0,
    ...parts,
  };
}

const [api, proxy] = ['quay.io/shop/api:1', 'quay.io/shop/proxy:2'];

test('what renders as deployed is not gated or declared, whatever else shows it', () => {
  const [image] = uniteImages(
    survey({
      deployed: variant([found(api, 'hard-coded')]),
      profiles: new Map([['all', variant([found(api, 'used')])]]),
      gated: [found(api, 'gated', ['a=true'])],
      declared: [found(api, 'declared')],
    }),
  );
  assert.deepEqual([image?.class, image?.gates, image?.ships], ['hard-coded', [], true]);
});

test('what a gate shows is gated, although it stands in the values too', () => {
  const [image] = uniteImages(survey({ gated: [found(api, 'gated', ['a=true'])], declared: [found(api, 'declared')] }));
  assert.deepEqual([image?.class, image?.gates, image?.ships], ['gated', ['a=true'], false]);
});

test('what a scan profile alone shows is gated by it, and travels', () => {
  const [image] = uniteImages(survey({ profiles: new Map([['all', variant([found(api, 'used')])]]) }));
  assert.deepEqual([image?.class, image?.gates, image?.ships], ['gated', ['profile all'], true]);
});

test('an open gate leaves what images.gated takes, and nothing else that it shows', () => {
  const opened = [variant([found(api, 'used'), found(proxy, 'used')], [left(api), left(proxy)])];
  const survived = survey({ gated: [found(api, 'gated'), found(proxy, 'gated')], taken: new Set([proxy]), opened });
  assert.deepEqual(
    uniteLeftovers(survived).map(({ reference }) => reference),
    [proxy],
  );
  assert.deepEqual(
    uniteImages(survived).map(({ reference, rewritable, ships }) => [reference, rewritable, ships]),
    [
      [api, 'post-render', false],
      [proxy, 'no', true],
    ],
  );
});
