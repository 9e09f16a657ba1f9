import type { CarriedRelease } from '../bundle-spec/bundle-json.ts';
import type { LockedImage, Place } from '../bundle-spec/lock.ts';
import type { ValuesLayer } from '../bundle-spec/values-layer.ts';
import { ExplainedError } from '../cluster/report.ts';
import type { FoundReference } from '../helm/discovery.ts';

interface MissingOptions {
  readonly release: Pick<CarriedRelease, 'name' | 'namespace' | 'scan'>;
  readonly images: readonly Pick<LockedImage, 'reference'>[];
  /** The layers that the site adds: most likely they turned on what did not travel. */
  readonly siteLayers: readonly ValuesLayer[];
}

/** IMAGE_NOT_IN_BUNDLE for what a release needs here and the bundle does not have: object, path, values, and what to add to the spec. */
export function missingImages(references: readonly FoundReference[], options: MissingOptions): ExplainedError | undefined {
  const { release, images, siteLayers } = options;
  const carried = new Set(images.map(({ reference }) => reference));
  const missing = references.filter(({ reference }) => !carried.has(reference));
  const [first, ...others] = missing;
  if (first === undefined) return undefined;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const keys = siteLayers.flatMap((layer) => ('inline' in layer ? keyPaths(layer.inline) : []));
  const profiles = Object.keys(release.scan);
  return new ExplainedError('IMAGE_NOT_IN_BUNDLE', `${first.reference}${more} is needed here and is not in the bundle`, {
    release: { name: release.name, namespace: release.namespace.name },
    findings: {
      why: [
        ...missing.flatMap(({ reference, places, valuesPaths }) => [
          `${reference}: ${places.slice(0, 2).map(placeText).join('; ')}${valuesPaths.length === 0 ? '' : `, from the value ${valuesPaths.join(', ')}`}`,
        ]),
        ...(keys.length === 0 ? [] : [`the site sets: ${keys.slice(0, 12).join(', ')}${keys.length > 12 ? ', …' : ''}`]),
      ],
      fix: [
        `add to release ${release.name} in bundle.yaml a scan profile with the site's values, such as "scan: { ${freeName(profiles)}: [{ inline: … }] }", or ` +
          `the reference to images.extra; then build again`,
        ...(profiles.length === 0 ? [] : [`profiles that travelled: ${profiles.join(', ')}`]),
        'or leave those values out of the site',
      ],
      state: ['nothing was changed'],
    },
  });
}

function placeText({ kind, namespace, name, path }: Place): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}, ${path}`;
}

function freeName(taken: readonly string[]): string {
  return taken.includes('site') ? 'site-2' : 'site';
}

/** The paths of a mapping's leaves: what is set, never to what. */
function keyPaths(values: Readonly<Record<string, unknown>>, prefix = ''): readonly string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? keyPaths(value as Record<string, unknown>, `${prefix}${key}.`)
      : [`${prefix}${key}`],
  );
}
