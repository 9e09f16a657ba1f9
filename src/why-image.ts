import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Values } from '../bundle-spec/values-layer.ts';
import { readBase } from '../helm/base-render.ts';
import { readEffectiveValues } from '../helm/effective-values.ts';
import type { Reading } from '../helm/find-references.ts';
import type { Helm } from '../helm/helm.ts';
import { readManifests } from '../helm/manifest-stream.ts';
import { nestedFiles } from '../helm/nested-files.ts';
import { applyEdits } from '../helm/overrides.ts';
import { parseSettings } from '../helm/parse-settings.ts';
import { formatObjectPath, getInObject } from '../helm/payload.ts';
import { asReference } from '../helm/reference-text.ts';
import { type HelmRelease, renderManifests } from '../helm/render.ts';
import { findTemplateLine } from '../helm/template-line.ts';
import { parsePath } from '../helm/values-path.ts';
import { formatReference } from '../images/reference.ts';
import type { SurveyedImage, SurveyInput } from './survey-release.ts';

/** One place where one kind of render shows a reference. */
export interface Shown {
  /** `as deployed`, `profile <name>`, or what was set. */
  readonly render: string;
  /** Minors that show it there. */
  readonly kubernetes: readonly string[];
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly path: string;
  /** As helm names it: `shop/charts/redis/templates/pod.yaml`. */
  readonly template: string;
  /** Line of the template, or of `helper`, that prints it, from 1, as far as the source tells. */
  readonly line?: number;
  /** The file of the named template that prints it, where it is not `template` itself. */
  readonly helper?: string;
}

/** Renders a release again in every way that shows `image`, and finds each place and the template line behind it. Throws RENDER_*. */
export async function whyImage(
  helm: Helm,
  input: SurveyInput,
  image: SurveyedImage,
  { signal }: { readonly signal: AbortSignal },
): Promise<Shown[]> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const chart = join(folder, 'chart.tgz');
    await writeFile(chart, input.chart.bytes);
    const sources = new Map<string, string>();
    for (const file of nestedFiles(input.chart.bytes, input.chart.name)) {
      sources.set(`${file.chart}/${file.path}`, file.body.toString('utf8'));
    }
    const shown: Shown[] = [];
    for (const variant of variantsOf(input, image, chart)) {
      const places = new Map<string, { readonly reading: Reading; readonly kubernetes: string[] }>();
      for (const kubernetes of variant.kubernetes) {
        for (const reading of await readingsOf(helm, variant, image.reference, { kubernetes, signal })) {
          const key = JSON.stringify([placeOf(reading), reading.index]);
          const place = places.get(key) ?? { reading, kubernetes: [] };
          place.kubernetes.push(kubernetes);
          places.set(key, place);
        }
      }
      for (const { reading, kubernetes } of places.values()) {
        shown.push({ render: variant.name, kubernetes, ...placeOf(reading), ...lineOf(sources, reading, image) });
      }
    }
    return shown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One way to render the release. */
interface Variant {
  readonly name: string;
  readonly release: HelmRelease;
  readonly kubernetes: readonly string[];
  readonly apiVersions: readonly string[];
  /** `--set` syntax of what is set besides. */
  readonly settings?: string;
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
    const parts = gate.split(/(?:^| )(?=--(?:api-versions|kube-version)=)/);
    const valuesOf = (flag: string) => parts.flatMap((part) => (part.startsWith(flag) ? [part.slice(flag.length)] : []));
    const version = valuesOf('--kube-version=');
    const settings = parts.find((part) => part !== '' && !part.startsWith('--'));
    return {
      name: `set ${gate}`,
      release,
      kubernetes: version.length === 0 ? kubernetes : version,
      apiVersions: [...apiVersions, ...valuesOf('--api-versions=')],
      ...(settings === undefined ? {} : { settings }),
    };
  });
  return [...(image.class === 'gated' || image.class === 'declared' ? [] : [deployed]), ...gated];
}

async function readingsOf(
  helm: Helm,
  { release, apiVersions, settings }: Variant,
  reference: string,
  { kubernetes, signal }: { readonly kubernetes: string; readonly signal: AbortSignal },
): Promise<Reading[]> {
  const options = { kubernetes, apiVersions, skipSchemaValidation: true, signal };
  const edits = settings === undefined ? undefined : parseSettings(settings);
  let extraValues: Values | undefined;
  if (edits !== undefined) {
    extraValues = applyEdits(await readEffectiveValues(helm, release, { signal }), edits);
  }
  const stream = await renderManifests(helm, release, extraValues === undefined ? options : { ...options, extraValues });
  return readBase(readManifests(stream), kubernetes).places.filter(({ text }) => {
    const found = asReference(text);
    return found !== undefined && formatReference(found) === reference;
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
