import { type LeftOutImage, Lock, type LockedFinding, type LockedImage, type Place } from './lock.ts';
import { writeYaml } from './write-yaml.ts';

const header = `# Written by diolkos build; commit it to git. \`diolkos build --locked\` takes every digest from here.
`;

/**
 * The text of `bundle.lock.yaml`. Fields, charts, images and places come in one fixed order, whatever order they were found in,
 * so that equal locks are equal texts. Throws ZodError, a bug, when the lock does not fit its schema.
 */
export function writeLock(lock: Lock): string {
  // Parsing brings the fields into the order of the schema.
  const { charts, images, gated, blobs, findings, ...rest } = Lock.parse(lock);
  const ordered = {
    ...rest,
    charts: charts.toSorted(byText((chart) => chart.release)),
    images: images.map(orderedImage).toSorted(byText((image) => image.reference)),
    gated: gated.toSorted(byText(leftOutKey)),
    findings: findings.toSorted(byText(findingKey)),
    // The longest, and the least to be read: last.
    blobs: Object.fromEntries(Object.entries(blobs).toSorted(byText(([digest]) => digest))),
  };
  return header + writeYaml(ordered);
}

function orderedImage(image: LockedImage): LockedImage {
  return { ...image, valuesPaths: image.valuesPaths.toSorted(), places: image.places.toSorted(byText(placeKey)) };
}

function leftOutKey({ release, reference }: LeftOutImage): string {
  return [release, reference].join('\0');
}

function findingKey({ release, code, where = '', message }: LockedFinding): string {
  return [release, code, where, message].join('\0');
}

function placeKey({ release, profile = '', kind, namespace = '', name, path }: Place): string {
  return [release, profile, kind, namespace, name, path].join('\0');
}

/** By code units: the order of no locale. */
function byText<T>(keyOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (keyOf(a) < keyOf(b) ? -1 : Number(keyOf(a) > keyOf(b)));
}
