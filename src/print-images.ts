import type { Finding } from '../bundle-spec/finding.ts';
import type { Place } from '../bundle-spec/lock.ts';
import { count } from './print-table.ts';
import type { FailedSource } from './read-sources.ts';
import type { SurveyedImage } from './survey-release.ts';
import type { SurveyedSource } from './survey-sources.ts';

const headings = {
  used: 'used: it renders as deployed, and values control it',
  'hard-coded': 'hard-coded: it renders as deployed, and no value controls it',
  gated: 'gated: it renders when this is set',
  declared: 'declared: it stands in the values, and no render shows it in use',
  runtime: 'runtime: a program pulls from it by a tag of its own, which images.extra has to name',
} as const satisfies Record<SurveyedImage['class'], string>;

/** Prints one chart for people: its images by class, each with its places and what brings it from another registry; then the findings. */
export function printSurvey({ source, survey, findings }: SurveyedSource): void {
  const { chart, release, images } = survey;
  const lines = [`${chart.name} ${chart.version}, release ${release} in namespace ${source.input.namespace}`];
  for (const [found, heading] of Object.entries(headings)) {
    const group = images.filter((image) => image.class === found);
    if (group.length > 0) lines.push(`  ${heading}`, ...group.flatMap(describeImage));
  }
  if (images.length === 0) lines.push('  no image');
  if (findings.length > 0) lines.push(...findingLines(findings));
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Prints what is known of a chart that could not be surveyed, if anything is; its error comes at the end. */
export function printFailed({ name, findings = [] }: FailedSource): void {
  if (findings.length === 0) return;
  process.stdout.write(`${name} could not be surveyed\n${findingLines(findings).join('\n')}\n`);
}

/** On stderr: what was looked at, and what it cost. */
export function printSurveySummary(surveyed: readonly SurveyedSource[], extra: readonly string[]): void {
  const images = surveyed.flatMap(({ survey }) => survey.images);
  const counted = (Object.keys(headings) as (keyof typeof headings)[]).flatMap((found) => {
    const group = new Set(images.filter((image) => image.class === found).map(({ reference }) => reference));
    return group.size === 0 ? [] : [`${group.size} ${found}`];
  });
  const left = surveyed.reduce((sum, { survey }) => sum + survey.leftovers.length, 0);
  const seconds = surveyed.reduce((sum, { survey }) => sum + survey.seconds, 0);
  const renders = surveyed.reduce((sum, { survey }) => sum + survey.renders, 0);
  process.stderr.write(
    `${count(new Set(images.map(({ reference }) => reference)).size, 'image')}${counted.length === 0 ? '' : ` (${counted.join(', ')})`}` +
      `${extra.length === 0 ? '' : ` and ${extra.length} extra`} in ${count(surveyed.length, 'release')}, ` +
      `${count(renders, 'render')} in ${seconds.toFixed(1)} s; ` +
      `${left === 0 ? 'every rewrite proven' : `${count(left, 'place')} without a proven rewrite: the findings name the lines to add`}\n`,
  );
}

function describeImage({ reference, class: found, gates, valuesPaths, places, rewritable }: SurveyedImage): string[] {
  return [
    `    ${reference}  (${howRewritten(rewritable, found, valuesPaths)})`,
    ...gates.map((gate) => `      set ${gate}`),
    ...places.map((place) => `      ${describePlace(place)}`),
  ];
}

function howRewritten(rewritable: SurveyedImage['rewritable'], found: SurveyedImage['class'], paths: readonly string[]): string {
  const values = paths.length === 0 ? '' : `values: ${paths.join(', ')}`;
  if (rewritable === 'values' || found === 'declared') return values === '' ? 'no value' : values;
  const how = rewritable === 'post-render' ? 'by post-renderer' : 'not rewritten';
  return values === '' ? how : `${values}; ${how}`;
}

/** `Deployment/shop-web spec.template.spec.containers[0].image`, with the hook and the scan profile if any. */
export function describePlace({ profile, kind, namespace, name, path, hook }: Place): string {
  const notes = [hook === undefined ? '' : `hook ${hook}`, profile === undefined ? '' : `scan profile ${profile}`];
  const note = notes.filter((text) => text !== '').join(', ');
  const object = `${kind}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
  return `${object} ${path}${note === '' ? '' : ` (${note})`}`;
}

function findingLines(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap(describeFinding).map((line) => `    ${line}`);
  return [`  ${count(findings.length, 'finding')}`, ...lines];
}

/** A finding on one to three lines: severity, code and message; where; what to do. */
export function describeFinding({ severity, code, message, where, fix }: Finding): string[] {
  return [
    `${severity}: ${message} [${code}]`,
    ...(where === undefined || message.includes(where) ? [] : [`  at ${where}`]),
    ...(fix === undefined ? [] : [`  fix: ${fix}`]),
  ];
}
