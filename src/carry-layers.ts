import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { unreadable } from '../bundle-spec/read-bundle.ts';
import type { CarriedValuesLayer, ValuesLayer } from '../bundle-spec/values-layer.ts';

/**
 * The layers of one release as they travel: files as their text, byte for byte, inline values as JSON (which is YAML),
 * ConfigMaps and Secrets as references. `where` names the list in errors, such as `releases[0].values`.
 * Throws FILE_UNREADABLE.
 */
export async function carryLayers(
  layers: readonly ValuesLayer[],
  options: { readonly folder: string; readonly where: string; readonly signal: AbortSignal },
): Promise<CarriedValuesLayer[]> {
  const carried: CarriedValuesLayer[] = [];
  for (const [index, layer] of layers.entries()) {
    carried.push(await carryLayer(layer, { ...options, where: `${options.where}[${index}]` }));
  }
  return carried;
}

async function carryLayer(
  layer: ValuesLayer,
  { folder, where, signal }: { readonly folder: string; readonly where: string; readonly signal: AbortSignal },
): Promise<CarriedValuesLayer> {
  if ('inline' in layer) return { name: `${where}.inline`, text: `${JSON.stringify(layer.inline, null, 2)}\n` };
  if (!('file' in layer)) return layer;
  try {
    return { name: layer.file, text: await readFile(resolve(folder, layer.file), { encoding: 'utf8', signal }) };
  } catch (cause) {
    signal.throwIfAborted();
    throw new BundleError(
      'FILE_UNREADABLE',
      `${where}: the values file ${layer.file} cannot be read: ${unreadable(cause).words}`,
      {
        hint: `paths are relative to the spec; looked for ${resolve(folder, layer.file)}`,
        cause,
      },
    );
  }
}
