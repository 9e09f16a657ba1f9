import type { ImageReasons, Shown } from '../bundle-spec/image-reasons.ts';
import { apiVersion } from '../bundle-spec/names.ts';
import type { Format } from './commands/format-option.ts';
import { count, printJson } from './print-table.ts';
import type { SurveyedImage } from './survey-release.ts';
import type { SurveyedSource } from './survey-sources.ts';

/** One image of one release, and every place that shows it. */
export interface ImageReason {
  readonly surveyed: SurveyedSource;
  readonly image: SurveyedImage;
  readonly shown: readonly Shown[];
}

/** Prints why images are in the list: each render, object, path, value and template line. */
export function printWhy(reasons: readonly ImageReason[], format: Format): void {
  if (format === 'json') printJson(imageReasons(reasons));
  else for (const reason of reasons) process.stdout.write(describe(reason));
}

function imageReasons(reasons: readonly ImageReason[]): ImageReasons {
  const images = reasons.map(({ surveyed, image, shown }) => {
    const { chart, release } = surveyed.survey;
    const { reference, class: found, gates, valuesPaths, rewritable } = image;
    const lists = { gates: [...gates], valuesPaths: [...valuesPaths], shown: [...shown] };
    return { chart, release, reference, class: found, rewritable, ...lists };
  });
  return { apiVersion, kind: 'ImageReasons', images };
}

function describe({ surveyed, image, shown }: ImageReason): string {
  const { chart, release } = surveyed.survey;
  const lines = [`${image.reference}: ${image.class} in ${chart.name} ${chart.version}, release ${release}`];
  if (image.valuesPaths.length > 0) lines.push(`  values: ${image.valuesPaths.join(', ')}`);
  for (const [render, places] of Map.groupBy(shown, (place) => `${place.render}, Kubernetes ${place.kubernetes.join(', ')}`)) {
    lines.push(`  ${render}: ${count(places.length, 'place')}`, ...places.flatMap(describePlace));
  }
  if (shown.length === 0) lines.push('  no render shows it');
  return `${lines.join('\n')}\n`;
}

function describePlace({ kind, namespace, name, path, template, line, helper }: Shown): string[] {
  const object = `${kind}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
  return [
    `    ${object} ${path}`,
    `      printed by ${helper === undefined ? '' : `${template}, `}${helper ?? template}${line === undefined ? '' : `:${line}`}`,
  ];
}
