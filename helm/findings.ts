import { basename } from 'node:path';
import type { Finding } from '../bundle-spec/finding.ts';
import { readChart } from './charts/chart.ts';
import { type NestedFile, nestedFiles } from './charts/nested-files.ts';
import { remoteReferencesIn } from './charts/remote-schema.ts';
import type { Discovery, FoundReference } from './discovery.ts';
import { findClusterTags } from './findings/cluster-tags.ts';
import { findNewNames } from './findings/new-names.ts';
import { findOperatorImages } from './findings/operator-images.ts';
import { findPasswords } from './findings/passwords.ts';
import { findReleaseSize } from './findings/release-size.ts';
import { findApis } from './findings/removed-apis.ts';
import { findSchemaImages } from './findings/schema-images.ts';
import { findSelectors } from './findings/selectors.ts';
import { findTags } from './findings/tags.ts';
import { findUnknownTags } from './findings/unknown-tags.ts';
import type { Helm } from './helm.ts';
import type { HelmRelease } from './render.ts';
import { openSession } from './render-session.ts';

/** What a discovery leaves in hand. */
export interface FindingsInput {
  readonly release: HelmRelease;
  readonly discovery: Discovery;
  /** The packed chart. */
  readonly chart: Buffer;
  /** References to judge the tags of. Default: those of the discovery. */
  readonly references?: readonly FoundReference[];
}

/** What is known of the target beside its Kubernetes versions. */
export interface FindingsOptions {
  /** API versions of the target beside the built-in ones, `target.apiVersions` of the spec: `monitoring.coreos.com/v1`. Default none. */
  readonly apiVersions?: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * What a release does that may go wrong behind the gap (docs/findings.md), worst first. Renders nothing, but once
 * where a tag seems to be made of the cluster's version, and once where names change. Throws CHART_INVALID, RENDER_FAILED.
 */
export async function findFindings(helm: Helm, input: FindingsInput, options: FindingsOptions): Promise<Finding[]> {
  const { release, discovery, chart } = input;
  const { bases, documents, values } = discovery;
  const files = [...nestedFiles(chart, basename(release.chart))];
  const templates = templateTexts(files);
  const session = openSession(helm, release, { ...options, documents });
  const found = [
    ...findApis({ bases, apiVersions: options.apiVersions ?? [], templates }),
    ...findTags(input.references ?? discovery.references, bases),
    ...findUnknownTags(bases),
    ...findOperatorImages(bases),
    ...findSchemaImages(files, new Set(discovery.references.map(({ reference }) => reference))),
    ...(await findClusterTags(session, bases, templates)),
    ...findPasswords(values),
    ...findReleaseSize({ release: release.name, files, bases, documents }),
    ...(await findNewNames(session, bases)),
    ...findSelectors(bases, versionsOf(files)),
    ...findRemoteSchema(files),
    ...findOtherVersions(readChart(chart, basename(release.chart)).otherVersions),
  ];
  return found.sort((a, b) => order[a.severity] - order[b.severity] || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
}

const order: Readonly<Record<Finding['severity'], number>> = { error: 0, warning: 1, info: 2 };

function templateTexts(files: readonly NestedFile[]): string {
  return files
    .filter(({ path }) => path.startsWith('templates/'))
    .map(({ body }) => body.toString('utf8'))
    .join('\n');
}

/** Versions of the chart, of its subcharts and of their programs. */
function versionsOf(files: readonly NestedFile[]): Set<string> {
  const metadata = files.filter(({ path }) => path === 'Chart.yaml').map(({ body }) => body.toString('utf8'));
  const found = metadata.flatMap((text) => [...text.matchAll(/^(?:version|appVersion):[ \t]*["']?([^\s"'#]+)/gm)]);
  return new Set(found.flatMap(([, version]) => (version === undefined ? [] : [version, `v${version}`])));
}

/** SCHEMA_REMOTE: helm would fetch part of the chart's schema, and there is no internet behind the gap. */
function findRemoteSchema(files: readonly NestedFile[]): Finding[] {
  const addresses = remoteReferencesIn(files);
  if (addresses.length === 0) return [];
  return [
    {
      severity: 'info',
      code: 'SCHEMA_REMOTE',
      message: `the chart's values schema refers to ${addresses.join(', ')}: its values are not validated, neither here nor at the install`,
      where: 'values.schema.json',
    },
  ];
}

/** DEPENDENCY_VERSION: `helm dependency build` would put another subchart into the chart than the one that is there. */
function findOtherVersions(dependencies: readonly string[]): Finding[] {
  return dependencies.map((dependency) => ({
    severity: 'warning',
    code: 'DEPENDENCY_VERSION',
    message: `${dependency}: charts/ holds another version than Chart.yaml asks for, and helm deploys the one that is there`,
    where: 'Chart.yaml',
    fix: 'run "helm dependency update" on the chart, or make its dependency say the version that is there',
  }));
}
