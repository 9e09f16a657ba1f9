import { apiVersion } from '../bundle-spec/names.ts';
import type { RewriteReport, RewrittenRelease } from '../bundle-spec/rewrite-report.ts';
import { writeYaml } from '../bundle-spec/write-yaml.ts';
import type { Rewrite } from '../helm/prove.ts';
import { inBareWords } from './bare-chart-words.ts';
import { count, printJson } from './print-table.ts';
import type { RewrittenSource } from './rewrite-source.ts';

/** One YAML document a release: the values to add, below a comment with what is proven. Fit for `helm --values`, if there is one. */
export function printOverrides(rewritten: readonly RewrittenSource[]): void {
  process.stdout.write(rewritten.map((one) => `${comment(one)}${writeYaml(one.overrides)}`).join('---\n'));
}

/** What would be installed, as one stream of manifests. */
export function printManifests(rewritten: readonly RewrittenSource[]): void {
  for (const { manifests } of rewritten) {
    const stream = manifests();
    process.stdout.write(`${stream.startsWith('---') ? '' : '---\n'}${stream}${stream.endsWith('\n') ? '' : '\n'}`);
  }
}

/** The same as one JSON document; `manifests` only where they are asked for and proven, or asked for in any case. */
export function printRewriteJson(rewritten: readonly RewrittenSource[], options: ReportOptions): void {
  const releases = rewritten.map((one) => reportedRelease(one, options));
  printJson({ apiVersion, kind: 'RewriteReport', releases } satisfies RewriteReport);
}

interface ReportOptions {
  readonly manifests: boolean;
  readonly partial: boolean;
}

function reportedRelease(one: RewrittenSource, { manifests, partial }: ReportOptions): RewrittenRelease {
  const { source, leftovers, rewritable } = one;
  const { name, chart, kubernetes } = source.input;
  const { pullSecret, ...rule } = one.postRender;
  return {
    release: name,
    chart: { name: chart.name, version: chart.version },
    kubernetes: [...kubernetes],
    proven: leftovers.length === 0,
    overrides: one.overrides,
    postRender: { ...rule, ...(pullSecret === undefined ? {} : { pullSecret: { ...pullSecret, pods: [...pullSecret.pods] } }) },
    images: one.references.map(({ reference, places }) => ({
      reference,
      places: places.length,
      rewritable: rewritable.get(reference) ?? 'no',
    })),
    leftovers: leftovers.map(({ place, specLine, ...left }) => ({
      ...place,
      ...left,
      fix: source.isBare ? inBareWords(specLine) : specLine,
    })),
    findings: [...one.findings],
    pullSecretLeft: [...one.pullSecretLeft],
    unread: [...source.unread],
    renders: one.renders,
    ...(manifests && (partial || leftovers.length === 0) ? { manifests: one.manifests() } : {}),
  };
}

/** On stderr: a line a release, and what the proof does not know. */
export function printRewriteSummary(rewritten: readonly RewrittenSource[]): void {
  for (const one of rewritten) {
    const { source, pullSecretLeft } = one;
    process.stderr.write(`${source.input.name}: ${summary(one)}\n`);
    for (const layer of source.unread) {
      process.stderr.write(`note: ${layer} is read behind the gap; what its values change is proven there\n`);
    }
    for (const { message } of one.findings) process.stderr.write(`note: ${message}\n`);
    if (pullSecretLeft.length > 0) process.stderr.write(`note: ${pullSecretNote(pullSecretLeft)}\n`);
  }
}

function comment(one: RewrittenSource): string {
  const { name, chart, kubernetes } = one.source.input;
  const changes = Object.entries(one.postRender.images).map(([from, to]) => `#   ${from} -> ${to}\n`);
  const pods = one.postRender.pullSecret?.pods.map(({ kind, name: pod }) => `${kind}/${pod}`) ?? [];
  return (
    `# ${name}: chart ${chart.name} ${chart.version}, Kubernetes ${kubernetes.join(', ')}\n# ${summary(one)}\n` +
    (changes.length === 0 ? '' : `# by post-renderer:\n${changes.join('')}`) +
    (pods.length === 0 ? '' : `# pull secret ${one.postRender.pullSecret?.name} by post-renderer: ${pods.join(', ')}\n`)
  );
}

/** `4 images in 7 places: 3 by values, 1 by post-renderer; nothing foreign is left`. */
function summary({ references, rewritable, leftovers, findings }: RewrittenSource): string {
  const places = references.reduce((sum, reference) => sum + reference.places.length, 0);
  const ways = [
    ['values', 'by values'],
    ['post-render', 'by post-renderer'],
    ['no', 'not rewritten'],
  ] as const;
  const counted = ways.flatMap(([way, words]) => {
    const images = references.filter(({ reference }) => (rewritable.get(reference) ?? 'no') === way);
    return images.length === 0 ? [] : [`${images.length} ${words}`];
  });
  const doubts = findings.filter(({ severity }) => severity === 'warning').length;
  const ends =
    leftovers.length > 0
      ? `${count(leftovers.length, 'place')} left`
      : doubts > 0
        ? `nothing foreign is left but what ${count(doubts, 'note')} below may mean`
        : 'nothing foreign is left';
  return `${count(references.length, 'image')} in ${count(places, 'place')}${counted.length === 0 ? '' : `: ${counted.join(', ')}`}; ${ends}`;
}

function pullSecretNote(gaps: Rewrite['pullSecretLeft']): string {
  const accounts = [...new Set(gaps.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`))];
  return `${count(gaps.length, 'pod')} cannot be given the pull secret; add it to the imagePullSecrets of ServiceAccount ${accounts.join(', ')}`;
}
