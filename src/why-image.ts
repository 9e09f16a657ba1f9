import type { Shown } from '../bundle-spec/image-reasons.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { readBase } from '../helm/base-render.ts';
import { nestedFiles } from '../helm/charts/nested-files.ts';
import { readEffectiveValues } from '../helm/effective-values.ts';
import { parseGate } from '../helm/gates/parse-gate.ts';
import type { Helm } from '../helm/helm.ts';
import { readManifests } from '../helm/manifest-stream.ts';
import { applyEdits, type Edit } from '../helm/overrides.ts';
import type { Reading } from '../helm/references/find-references.ts';
import { formatObjectPath, getInObject } from '../helm/references/payload.ts';
import { asReference } from '../helm/references/reference-text.ts';
import { type HelmRelease, renderManifests } from '../helm/render.ts';
import { findTemplateLine } from '../helm/templates/template-line.ts';
import { parsePath } from '../helm/values-path.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import { withChartFile } from './chart-file.ts';
import type { SurveyedImage, SurveyInput } from './survey-release.ts';

/** Renders a release again in every way that shows `image`, and finds each place and the template line behind it. Throws RENDER_*. */
export async function whyImage(
  helm: Helm,
  input: SurveyInput,
  image: SurveyedImage,
  { signal }: { readonly signal: AbortSignal },
): Promise<Shown[]> {
  const sources = new Map<string, string>();
  for (const file of nestedFiles(input.chart.bytes, input.chart.name)) {
    sources.set(`${file.chart}/${file.path}`, file.body.toString('utf8'));
  }
  return await withChartFile(input.chart, async (chart) => {
    const shown: Shown[] = [];
    for (const variant of variantsOf(input, image, chart)) {
      for (const { reading, kubernetes } of await placesOf(helm, variant, image.reference, signal)) {
        shown.push({
          render: variant.name,
          kubernetes: [...kubernetes],
          ...placeOf(reading),
          ...lineOf(sources, reading, image),
        });
      }
    }
    return shown;
  });
}

/** One way to render the release. */
interface Variant {
  readonly name: string;
  readonly release: HelmRelease;
  readonly kubernetes: readonly string[];
  readonly apiVersions: readonly string[];
  /** What is set besides. */
  readonly settings?: readonly Edit[];
}

/** As deployed, with the scan profiles that showed it, and with each of its gates open. */
function variantsOf(input: SurveyInput, image: SurveyedImage, chart: string): Variant[] {
  const { name, namespace, values, profiles, kubernetes, apiVersions = [] } = input;
  const release = { name, namespace, chart, values };
  const deployed: Variant = { name: 'as deployed', release, kubernetes, apiVersions };
  const named = image.places.flatMap(({ profile }) => (profile === undefined ? [] : [`profile ${profile}`]));
  const gated = [...new Set([...named, ...image.gates])].map((gate): Variant => {
    const layers = /^profile /.test(gate) ? profiles.get(gate.slice('profile '.length)) : undefined;
    if (layers !== undefined) return { ...deployed, name: gate, release: { ...release, values: [...values, ...layers] } };
    const { settings = [], apiVersions: served = [], kubernetes: version } = parseGate(gate) ?? {};
    return {
      name: `set ${gate}`,
      release,
      kubernetes: version === undefined ? kubernetes : [version],
      apiVersions: [...apiVersions, ...served],
      ...(settings.length === 0 ? {} : { settings }),
    };
  });
  return [...(image.class === 'gated' || image.class === 'declared' ? [] : [deployed]), ...gated];
}

/** Each place that shows `reference`, with the versions of Kubernetes for which it does. */
async function placesOf(
  helm: Helm,
  variant: Variant,
  reference: string,
  signal: AbortSignal,
): Promise<Iterable<{ readonly reading: Reading; readonly kubernetes: readonly string[] }>> {
  const places = new Map<string, { readonly reading: Reading; readonly kubernetes: string[] }>();
  for (const kubernetes of variant.kubernetes) {
    for (const reading of await readingsOf(helm, variant, reference, { kubernetes, signal })) {
      const key = JSON.stringify([placeOf(reading), reading.index]);
      const place = places.get(key) ?? { reading, kubernetes: [] };
      place.kubernetes.push(kubernetes);
      places.set(key, place);
    }
  }
  return places.values();
}

async function readingsOf(
  helm: Helm,
  { release, apiVersions, settings }: Variant,
  reference: string,
  { kubernetes, signal }: { readonly kubernetes: string; readonly signal: AbortSignal },
): Promise<Reading[]> {
  const options = { kubernetes, apiVersions, skipSchemaValidation: true, signal };
  // One of class "runtime" goes without a tag.
  const wanted = formatReference(parseReference(reference));
  let extraValues: Values | undefined;
  if (settings !== undefined) {
    extraValues = applyEdits(await readEffectiveValues(helm, release, { signal }), settings);
  }
  const stream = await renderManifests(helm, release, extraValues === undefined ? options : { ...options, extraValues });
  return readBase(readManifests(stream), kubernetes).places.filter(({ text }) => {
    const found = asReference(text);
    return found !== undefined && formatReference(found) === wanted;
  });
}

function placeOf({ object, path }: Reading): Pick<Shown, 'kind' | 'namespace' | 'name' | 'path' | 'template'> {
  const { kind, namespace, name, template } = object;
  return { kind, ...(namespace === undefined ? {} : { namespace }), name, path: formatObjectPath(path), template };
}

function lineOf(sources: ReadonlyMap<string, string>, reading: Reading, image: SurveyedImage): Pick<Shown, 'line' | 'helper'> {
  // An aliased subchart is named by its alias, and its files lie under its own name.
  const alike = (name: string): string => name.replace(/(?<=\/charts\/)[^/]+/g, '*');
  const { object, path, text } = reading;
  const { template } = object;
  const own = sources.has(template) ? template : [...sources.keys()].find((name) => alike(name) === alike(template));
  const valuesPaths = image.valuesPaths.flatMap((value) => [parsePath(value) ?? []]);
  const found =
    own === undefined ? undefined : findTemplateLine(sources, own, { text, path, valuesPaths, mark: markOf(reading) });
  if (found === undefined) return {};
  return { line: found.line, ...(found.file === own ? {} : { helper: found.file }) };
}

/** The flag in front of a reference, or the name of the variable that holds it. */
function markOf({ object, path, text }: Reading): string {
  const whole = getInObject(object.value, path);
  const before = typeof whole === 'string' ? whole.slice(0, Math.max(0, whole.indexOf(text))) : '';
  if (before.trim() !== '') return before.trim().split(/\s+/).at(-1) ?? '';
  const name = path.at(-1) === 'value' ? getInObject(object.value, [...path.slice(0, -1), 'name']) : undefined;
  return typeof name === 'string' ? name : '';
}
