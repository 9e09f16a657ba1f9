import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import type { FoundReference } from '../helm/discovery.ts';
import { readEffectiveValues } from '../helm/effective-values.ts';
import { parseGate } from '../helm/gates/parse-gate.ts';
import type { Helm } from '../helm/helm.ts';
import { applyEdits } from '../helm/overrides.ts';
import { type Layer, releaseWith, type SurveySource, surveyVariant, type Variant } from './survey-variant.ts';

/**
 * Opens gates so that every image of `gated` shows, as few as the first gates of each allow, and discovers and proves the release with each,
 * as with a scan profile. Throws RENDER_FAILED when the chart takes no gate of an image, as when its schema refuses them all.
 */
export async function proveGates(
  helm: Helm,
  source: SurveySource,
  gated: readonly FoundReference[],
  options: { readonly signal: AbortSignal },
): Promise<Variant[]> {
  if (gated.length === 0) return [];
  const values = await readEffectiveValues(helm, releaseWith(source, []), { everySubchart: true, signal: options.signal });
  const variants: Variant[] = [];
  const shown = new Set<string>();
  for (const image of gated) {
    if (shown.has(image.reference)) continue;
    const variant = await openOne(helm, source, { image, values }, options);
    if (variant === undefined) continue;
    variants.push(variant);
    for (const { reference } of variant.discovery.references) shown.add(reference);
  }
  return variants;
}

interface GatedImage {
  readonly image: FoundReference;
  readonly values: Values;
}

/** By the first of its gates that the chart takes; `undefined` for an image without any. */
async function openOne(
  helm: Helm,
  source: SurveySource,
  { image, values }: GatedImage,
  options: { readonly signal: AbortSignal },
): Promise<Variant | undefined> {
  let refused: BundleError | undefined;
  for (const text of image.gates) {
    try {
      const layer = layerOf(text, values);
      if (layer !== undefined) return await surveyVariant(helm, source, layer, options);
    } catch (error) {
      if (!(error instanceof BundleError) || error.code !== 'RENDER_FAILED') throw error;
      refused = new BundleError(error.code, `${image.reference} behind ${text}: ${error.message}`, {
        hint: 'leave the image out of images.gated, or write a scan profile that the chart takes',
        cause: error,
      });
    }
  }
  if (refused !== undefined) throw refused;
  return undefined;
}

function layerOf(text: string, values: Values): Layer | undefined {
  const gate = parseGate(text);
  if (gate === undefined) return undefined;
  const { settings, apiVersions = [], kubernetes } = gate;
  const layer = { name: text, text: JSON.stringify(applyEdits(values, settings)) };
  return { values: settings.length === 0 ? [] : [layer], apiVersions, ...(kubernetes === undefined ? {} : { kubernetes }) };
}
