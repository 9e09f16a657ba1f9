import { z } from 'zod';
import type { Chart, ChartSource } from '../../bundle-spec/bundle.ts';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { satisfiesRange } from '../../helm/charts/version-range.ts';
import { digestOf } from '../../images/digest.ts';
import { type Download, download } from '../download.ts';
import { chartSourceAccess } from '../source-access.ts';

/** What we read of a chart repository's index.yaml (helm.sh/docs/topics/chart_repository). */
const RepositoryIndex = z.object({
  entries: z.record(
    z.string(),
    z.array(z.object({ version: z.string(), urls: z.array(z.string()).min(1), digest: z.string().nullish() })),
  ),
});
type RepositoryIndex = z.infer<typeof RepositoryIndex>;
type Entry = RepositoryIndex['entries'][string][number];
type RepositoryChart = Extract<Chart, { repo: string }>;

/** The largest index.yaml read: the biggest public ones have some 30 MB. */
const indexLimit = 128 << 20;
const chartLimit = 64 << 20;

/**
 * The packed chart from an HTTP chart repository. `version` is exact or a range, of which the newest is taken.
 * Throws CHART_NOT_FOUND with the versions there are, CHART_INVALID for an entry without a usable URL, DIGEST_MISMATCH, REGISTRY_*.
 */
export async function downloadChart(
  chart: RepositoryChart,
  options: { readonly folder: string; readonly sources: readonly ChartSource[]; readonly signal: AbortSignal },
): Promise<Buffer> {
  const base = new URL(chart.repo.endsWith('/') ? chart.repo : `${chart.repo}/`);
  const access = await chartSourceAccess(base, options.sources, options);
  const from: Omit<Download, 'limit'> = { access, origin: base.origin, signal: options.signal };
  const index = readIndex(await download(new URL('index.yaml', base), { ...from, limit: indexLimit }), chart.repo);
  const entry = findEntry(chart, index);
  const bytes = await download(locationOf(entry, chart, base), { ...from, limit: chartLimit });
  checkDigest(chart, entry, bytes);
  return bytes;
}

function readIndex(text: Buffer, repo: string): RepositoryIndex {
  try {
    return RepositoryIndex.parse(parseYaml11(text.toString('utf8'))[0]);
  } catch (cause) {
    throw new BundleError('CHART_NOT_FOUND', `${repo} has an index.yaml that is no index of a chart repository`, {
      hint: 'chart.repo is the URL that "helm repo add" takes',
      cause,
    });
  }
}

function findEntry({ repo, name, version }: RepositoryChart, { entries }: RepositoryIndex): Entry {
  const versions = entries[name];
  if (versions === undefined) {
    const near = Object.keys(entries).filter((other) => other.includes(name) || name.includes(other));
    throw notFound(`${repo} has no chart "${name}"`, near.length > 0 ? near : Object.keys(entries));
  }
  const exact = versions.find((entry) => entry.version === version || entry.version === `v${version}`);
  const found = exact ?? newestOf(versions.filter((entry) => satisfiesRange(entry.version, version)));
  if (found !== undefined) return found;
  throw notFound(
    `${repo} has no version ${version} of ${name}`,
    versions.map((entry) => entry.version),
  );
}

/** An index need not be sorted. */
function newestOf(entries: readonly Entry[]): Entry | undefined {
  const [first, ...others] = entries;
  if (first === undefined) return undefined;
  return others.reduce((newest, entry) => (satisfiesRange(entry.version, `>${newest.version}`) ? entry : newest), first);
}

/** Throws CHART_INVALID when the entry points to something that is not downloaded, such as `oci://…`. */
function locationOf({ version, urls }: Entry, { repo, name }: RepositoryChart, base: URL): URL {
  const [location = ''] = urls;
  const url = URL.parse(location, base.href);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  const oci = /^(oci:\/\/.+):([^:/]+)$/.exec(location);
  throw new BundleError('CHART_INVALID', `${repo} has ${name} ${version} at "${location}", which is no http URL`, {
    hint:
      oci === null
        ? 'tell the owner of the repository, or take the chart from another place'
        : `name it in the spec: chart: {oci: "${oci[1]}", version: ${oci[2]}}`,
  });
}

function notFound(message: string, there: readonly string[]): BundleError {
  const shown = there.slice(0, 8).join(', ');
  return new BundleError('CHART_NOT_FOUND', message, {
    hint: `there are ${shown}${there.length > 8 ? `, and ${there.length - 8} more` : ''}`,
  });
}

function checkDigest({ repo, name, version }: RepositoryChart, { digest }: Entry, bytes: Buffer): void {
  if (digest === undefined || digest === null || digest === '') return;
  const expected = digest.replace(/^sha256:/, '');
  if (digestOf(bytes) === `sha256:${expected}`) return;
  throw new BundleError('DIGEST_MISMATCH', `${name} ${version} of ${repo} is not what its index.yaml says: ${digestOf(bytes)}`, {
    hint: `the index says sha256:${expected}; a proxy may have changed the file, or the repository is in the middle of an update`,
  });
}
