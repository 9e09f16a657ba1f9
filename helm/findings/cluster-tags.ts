import type { Finding } from '../../bundle-spec/finding.ts';
import { type BaseRender, readBase } from '../base-render.ts';
import { asReference } from '../references/reference-text.ts';
import type { RenderSession } from '../render-session.ts';

/**
 * TAG_FOLLOWS_CLUSTER: images whose tag a chart makes of the cluster's exact version, such as a kubectl of `.Capabilities.KubeVersion`. A
 * warning where only the minor is known, info where an exact version is. Renders once more, with another patch level, where a tag looks like it
 * and templates ask for the version. Throws RENDER_FAILED.
 */
export async function findClusterTags(
  session: RenderSession,
  bases: readonly BaseRender[],
  templates: string,
): Promise<Finding[]> {
  if (!/\bKubeVersion\b/.test(templates)) return [];
  const found = new Map<string, Finding>();
  for (const base of bases) {
    const version = exactVersion(base.kubernetes);
    const suspects = new Set(base.places.filter(({ text }) => asReference(text)?.tag?.includes(version)).map(({ text }) => text));
    if (suspects.size === 0) continue;
    const other = otherPatch(version);
    const again = readBase(session.read(await session.print(other)), other);
    const texts = new Set(again.places.map(({ text }) => text));
    for (const text of suspects) if (!texts.has(text)) found.set(text, finding(text, base, version));
  }
  return [...found.values()];
}

/** As helm shows it to the chart: `1.36` is `1.36.0`. */
function exactVersion(kubernetes: string): string {
  const version = kubernetes.replace(/^v/, '');
  return isExact(version) ? version : `${version}.0`;
}

function isExact(version: string): boolean {
  return /^v?\d+\.\d+\.\d+/.test(version);
}

function otherPatch(version: string): string {
  return version.replace(/^(\d+\.\d+)\.(\d+).*$/, (_, minor: string, patch: string) => `${minor}.${Number(patch) + 1}`);
}

function finding(text: string, { kubernetes, places }: BaseRender, version: string): Finding {
  const place = places.find((candidate) => candidate.text === text);
  const patch = version.replace(/\.\d+$/, '.PATCH');
  const extra = `images.extra: ["${text.replace(version, patch)}"]`;
  const isGiven = isExact(kubernetes);
  const known = isGiven ? `given as ${kubernetes}` : `of which ${kubernetes} is known here`;
  const first = isGiven ? 'for clusters of other patch levels:' : `give the exact version, target.kubernetes: ["${patch}"];`;
  return {
    severity: isGiven ? 'info' : 'warning',
    code: 'TAG_FOLLOWS_CLUSTER',
    message: `${text}: its tag is the version of the cluster, ${known}; a cluster of another patch level asks for another image`,
    ...(place === undefined ? {} : { where: `${place.object.kind}/${place.object.name} (${place.object.template})` }),
    fix: `${first} set the tag in the release's values, or add ${extra}`,
  };
}
