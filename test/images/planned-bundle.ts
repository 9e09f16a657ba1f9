import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LockedImage } from '../../bundle-spec/lock.ts';
import type { Platform } from '../../bundle-spec/names.ts';
import { blobSources } from '../../images/blob-source.ts';
import { type BundleHeader, planBundle } from '../../images/bundle/bundle-layout.ts';
import { type BundleFile, openBundle } from '../../images/bundle/bundle-reader.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { type ImagePlan, withAttached } from '../../images/plan/image-plan.ts';
import { type PlanRequest, planImages } from '../../images/plan/plan-images.ts';
import { formatReference, parseReference } from '../../images/reference.ts';
import type { Registry } from '../../images/registry/registry.ts';
import { lockImage } from '../../src/lock-bundle.ts';
import { tempDir } from './sample-bundle.ts';

/** How images are planned. */
export type PlannedImage = Omit<PlanRequest, 'reference'> & { readonly reference: string };

/** A bundle made as `build` makes it, of images that `registry` serves under the paths of their references. */
export async function plannedBundle(
  t: TestContext,
  registry: Registry,
  wanted: readonly PlannedImage[],
  platforms: readonly Platform[],
): Promise<{ readonly bundle: BundleFile; readonly plans: readonly ImagePlan[] }> {
  const { signal } = t;
  const requests = wanted.map((request) => ({ ...request, reference: parseReference(request.reference) }));
  const plans = await planImages(requests, { locate: ({ repository }) => ({ registry, repository }), platforms, signal });
  const header = headerOf(plans, platforms);
  const file = join(await tempDir(t), 'planned.tar');
  const layout = planBundle({ header, images: plans, charts: [], files: [] });
  await writeBundle(layout, file, { sources: blobSources(plans.flatMap(withAttached)), signal });
  const bundle = await openBundle(file, { signal });
  t.after(() => bundle.close());
  return { bundle, plans };
}

export function headerOf(plans: readonly ImagePlan[], platforms: readonly Platform[]): BundleHeader {
  return {
    apiVersion: 'diolkos.dev/v1',
    kind: 'BundleJson',
    tool: '0.0.0-test',
    metadata: { name: 'planned', version: '1' },
    target: { kubernetes: ['1.36'], platforms: [...platforms], helm: 4 },
    releases: [],
    images: lockedImages(plans),
    gated: [],
    charts: [],
    ignore: [],
  };
}

export function lockedImages(plans: readonly ImagePlan[]): LockedImage[] {
  return plans.map((plan) => {
    const reference = formatReference(plan.reference);
    return lockImage({ reference, class: 'extra', gates: [], valuesPaths: [], places: [] }, plan);
  });
}
