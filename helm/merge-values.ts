import type { Values } from '../bundle-spec/values-layer.ts';
import { isMap } from './values-path.ts';

/** `values` with `overrides` on top, as helm merges layers: maps key by key, everything else replaced. */
export function mergeValues(values: Values, overrides: Values): Values {
  const merged: Values = { ...values };
  for (const [key, value] of Object.entries(overrides)) {
    const below = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = isMap(value) && isMap(below) ? mergeValues(below, value) : value;
  }
  return merged;
}
