import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { LeftOutImage, Lock, LockedAttached, LockedChart, LockedImage } from '../bundle-spec/lock.ts';
import { apiVersion } from '../bundle-spec/names.ts';
import type { ImagePlan } from '../images/plan/image-plan.ts';
import { formatReference } from '../images/reference.ts';
import type { DiscoveredBundle, DiscoveredImage } from './discover-bundle.ts';
import type { ReleaseInput } from './read-releases.ts';

/** The lock of what was discovered and planned. Every plan is of one of the images. */
export function lockBundle(
  { spec, releases, surveys }: Pick<DiscoveredBundle, 'spec' | 'releases' | 'surveys'>,
  images: readonly DiscoveredImage[],
  plans: readonly ImagePlan[],
): Lock {
  const byReference = new Map(images.map((image) => [image.reference, image]));
  return {
    apiVersion,
    kind: 'Lock',
    metadata: spec.metadata,
    charts: releases.map(lockChart),
    images: plans.flatMap((plan) => {
      const image = byReference.get(formatReference(plan.reference));
      return image === undefined ? [] : [lockImage(image, plan)];
    }),
    blobs: holdersIn(plans),
    gated: leftOut(surveys, new Set(images.map(({ reference }) => reference))),
    findings: surveys.flatMap(({ release, findings }) => findings.map((finding) => ({ release, ...finding }))),
  };
}

/**
 * Throws LOCK_STALE when a lock is not of this spec any more: other charts, or other references. `images` are those that the spec
 * makes today.
 */
export function checkLock(lock: Lock, releases: readonly ReleaseInput[], images: readonly DiscoveredImage[]): void {
  const stale = [
    ...chartDifferences(lock.charts, releases.map(lockChart)),
    ...differences(
      lock.images.map(({ reference }) => reference),
      images.map(({ reference }) => reference),
    ),
  ];
  if (stale.length > 0) throw lockStale(stale);
}

/** Throws LOCK_STALE when what would be stored is not what the lock says, as after a change of target.platforms. */
export function checkLockedDigests(lock: Lock, planned: Lock): void {
  const locked = new Map(lock.images.map(({ reference, digest }) => [reference, digest]));
  const stale = planned.images
    .filter(({ reference, digest }) => locked.get(reference) !== digest)
    .map(({ reference, digest }) => `${reference} would be stored as ${digest}, and the lock says ${locked.get(reference)}`);
  if (stale.length > 0) throw lockStale(stale);
}

/** What stands behind switches and does not travel, for any reason of any release. */
export function leftOut(surveys: DiscoveredBundle['surveys'], travels: ReadonlySet<string>): LeftOutImage[] {
  return surveys.flatMap(({ release, images }) =>
    images
      .filter((image) => image.class === 'gated' && !travels.has(image.reference))
      .map(({ reference, gates }) => ({ release, reference, gates: [...gates] })),
  );
}

function lockChart({ spec, chart }: ReleaseInput): LockedChart {
  const { name, version, digest, bytes } = chart;
  return { release: spec.name, name, version, digest, size: bytes.length };
}

/** An image as a lock has it: why it travels, and what of it. */
export function lockImage(image: DiscoveredImage, plan: ImagePlan): LockedImage {
  const { digest, mediaType } = plan.stored.descriptor;
  const { located, source, mode, platforms, size } = plan;
  const { class: found, gates, valuesPaths, places, reference } = image;
  return {
    reference,
    source,
    digest,
    ...(located.archive === undefined ? {} : { archive: located.archive }),
    mode,
    mediaType,
    platforms: [...platforms],
    size,
    class: found,
    gates,
    valuesPaths,
    places,
    ...(plan.attached.length > 0 && { attached: plan.attached.map(lockAttached) }),
  };
}

/** The first image, in the order of the plans, that has each blob. */
function holdersIn(plans: readonly ImagePlan[]): Lock['blobs'] {
  const holders = new Map<string, string>();
  for (const { blobs, attached, reference } of plans) {
    for (const { digest } of [blobs, ...attached.map((artifact) => artifact.blobs)].flat())
      if (!holders.has(digest)) holders.set(digest, formatReference(reference));
  }
  return Object.fromEntries(holders);
}

function lockAttached({ subject, root, artifactType, tag }: ImagePlan['attached'][number]): LockedAttached {
  const { digest, mediaType } = root.descriptor;
  return { subject, digest, mediaType, artifactType, ...(tag !== undefined && { tag }) };
}

function chartDifferences(locked: readonly LockedChart[], today: readonly LockedChart[]): string[] {
  const nameOf = ({ release, name, version }: LockedChart): string => `chart ${name} ${version} of release ${release}`;
  const changed = today.flatMap((chart) => {
    const before = locked.find((other) => nameOf(other) === nameOf(chart));
    if (before === undefined || before.digest === chart.digest) return [];
    return [`${nameOf(chart)} has other contents: ${before.digest} in the lock, ${chart.digest} now`];
  });
  return [...changed, ...differences(locked.map(nameOf), today.map(nameOf))];
}

function differences(locked: readonly string[], today: readonly string[]): string[] {
  const gone = locked.filter((item) => !today.includes(item)).map((item) => `the lock has ${item}, the spec no longer makes it`);
  const added = today.filter((item) => !locked.includes(item)).map((item) => `the spec makes ${item}, the lock does not have it`);
  return [...gone, ...added];
}

function lockStale(lines: readonly string[]): BundleError {
  return new BundleError('LOCK_STALE', `the lock is not of this spec:\n  ${lines.join('\n  ')}`, {
    hint: 'build once without --locked, look at what changed in the lock, and commit it',
  });
}
