import type { CarriedRelease } from '../bundle-spec/bundle-json.ts';
import type { LeftOutImage, LockedImage, Place } from '../bundle-spec/lock.ts';
import type { Values, ValuesLayer } from '../bundle-spec/values-layer.ts';
import { ExplainedError } from '../cluster/report.ts';
import type { FoundReference } from '../helm/discovery.ts';
import { type GateProfile, gateProfile, opensGate, profileText } from '../helm/gates/gate-profile.ts';
import { parseGate } from '../helm/gates/parse-gate.ts';
import { isCompletedBy } from '../images/plan/tag-stem.ts';
import { parseReference } from '../images/reference.ts';

interface MissingOptions {
  readonly release: Pick<CarriedRelease, 'name' | 'namespace' | 'scan'>;
  readonly images: readonly Pick<LockedImage, 'reference' | 'class'>[];
  /** What was found behind switches when the bundle was built. */
  readonly gated: readonly LeftOutImage[];
  /** The values that the templates see here. */
  readonly values: Values;
  /** Version of the cluster: `1.36.3`. */
  readonly kubernetes: string;
  /** The layers that the site adds: most likely they turned on what did not travel. */
  readonly siteLayers: readonly ValuesLayer[];
}

/** IMAGE_NOT_IN_BUNDLE for what a release needs here and the bundle does not have: object, path, values, and what to add to the spec. */
export function missingImages(references: readonly FoundReference[], options: MissingOptions): ExplainedError | undefined {
  const { release, images, siteLayers } = options;
  const carried = new Set(images.map(({ reference }) => reference));
  const extra = images.filter((image) => image.class === 'extra').map(({ reference }) => parseReference(reference));
  // A tag that a program completes is no image by itself.
  const travelled = (reference: string): boolean => carried.has(reference) || isCompletedBy(parseReference(reference), extra);
  const missing = references.filter(({ reference }) => !travelled(reference));
  const [first, ...others] = missing;
  if (first === undefined) return undefined;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const keys = siteLayers.flatMap((layer) => ('inline' in layer ? keyPaths(layer.inline) : []));
  const layers = siteLayers.length - siteLayers.filter((layer) => 'inline' in layer).length;
  return new ExplainedError('IMAGE_NOT_IN_BUNDLE', `${first.reference}${more} is needed here and is not in the bundle`, {
    release: { name: release.name, namespace: release.namespace.name },
    findings: {
      why: [
        ...missing.map(whereText),
        ...(keys.length === 0 ? [] : [`the site sets: ${keys.slice(0, 12).join(', ')}${keys.length > 12 ? ', …' : ''}`]),
        ...(layers === 0 ? [] : [`${layers} more of the site's layers come from ConfigMaps and Secrets`]),
      ],
      fix: fixes(missing, options),
      state: ['nothing was changed'],
    },
  });
}

function whereText({ reference, places, valuesPaths }: FoundReference): string {
  const value = valuesPaths.length === 0 ? '' : `, from the value ${valuesPaths.join(', ')}`;
  return `${reference}: ${places.slice(0, 2).map(placeText).join('; ')}${value}`;
}

function placeText({ kind, namespace, name, path }: Place): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}, ${path}`;
}

/** The spec's lines for what the build has seen behind a switch; for the rest, the way to them. */
function fixes(missing: readonly FoundReference[], options: MissingOptions): string[] {
  const { release } = options;
  const profiles = new Map<string, GateProfile>();
  const unknown: string[] = [];
  for (const { reference } of missing) {
    const taken = [...Object.keys(release.scan), ...[...profiles.values()].map(({ name }) => name)];
    const profile = profileFor(reference, taken, options);
    if (profile === undefined) unknown.push(reference);
    else {
      const { name: _, ...contents } = profile;
      const key = JSON.stringify(contents);
      profiles.set(key, profiles.get(key) ?? profile);
    }
  }
  const extra = missing.slice(0, 8).map(({ reference }) => JSON.stringify(reference));
  return [
    ...profileFixes([...profiles.values()], release),
    ...(unknown.length === 0
      ? []
      : [`for ${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ', …' : ''}: ${ownProfile(release)}`]),
    `or add to images.extra in bundle.yaml: ${extra.join(', ')}${missing.length > 8 ? ', …' : ''}; then build again`,
    'or leave those values out of the site',
  ];
}

/** By the gate that the values here open; else by the first that would have shown the image; else by the version that its tag is made of. */
function profileFor(reference: string, taken: readonly string[], options: MissingOptions): GateProfile | undefined {
  const { gated, release, values, kubernetes } = options;
  const entries = gated.filter((entry) => entry.release === release.name && entry.reference === reference);
  const gates = entries.flatMap((entry) => entry.gates.flatMap((text) => parseGate(text) ?? []));
  const ordered = [...gates.filter((gate) => opensGate(values, gate)), ...gates];
  for (const gate of ordered) {
    const profile = gateProfile(gate, taken);
    if (profile !== undefined) return profile;
  }
  return followsCluster(reference, options) ? { name: '', apiVersions: [], kubernetes } : undefined;
}

/** Whether the chart has made the tag of this cluster's version, and of another one when the bundle was built. */
function followsCluster(reference: string, { images, kubernetes }: MissingOptions): boolean {
  const { host, repository, tag = '' } = parseReference(reference);
  if (!tag.includes(kubernetes)) return false;
  return images.some((image) => {
    const other = parseReference(image.reference);
    return other.host === host && other.repository === repository;
  });
}

function profileFixes(profiles: readonly GateProfile[], { name, scan }: MissingOptions['release']): string[] {
  const entries = profiles.filter(({ values }) => values !== undefined).map(profileText);
  const apiVersions = [...new Set(profiles.flatMap((profile) => profile.apiVersions))];
  const versions = [...new Set(profiles.flatMap(({ kubernetes }) => kubernetes ?? []))];
  const profile =
    Object.keys(scan).length === 0
      ? `add to release ${name} in bundle.yaml: scan: { ${entries.join(', ')} }`
      : `add to scan of release ${name} in bundle.yaml: ${entries.join(', ')}`;
  return [
    ...(entries.length === 0 ? [] : [`${profile}; then build again`]),
    ...(apiVersions.length === 0
      ? []
      : [`add to target in bundle.yaml: apiVersions: ${JSON.stringify(apiVersions)}; then build again`]),
    ...(versions.length === 0 ? [] : [`add to target.kubernetes in bundle.yaml: ${JSON.stringify(versions)}; then build again`]),
  ];
}

function ownProfile({ name, scan }: MissingOptions['release']): string {
  const taken = Object.keys(scan);
  const free = taken.includes('site') ? 'site-2' : 'site';
  const travelled = taken.length === 0 ? '' : ` (profiles that travelled: ${taken.join(', ')})`;
  return `add to release ${name} in bundle.yaml a scan profile with the site's values, such as "scan: { ${free}: [{ inline: … }] }"${travelled}; then build again`;
}

/** The paths of a mapping's leaves: what is set, never to what. */
function keyPaths(values: Readonly<Record<string, unknown>>, prefix = ''): readonly string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? keyPaths(value as Record<string, unknown>, `${prefix}${key}.`)
      : [`${prefix}${key}`],
  );
}
