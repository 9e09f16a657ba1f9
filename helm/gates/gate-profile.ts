import { isDeepStrictEqual } from 'node:util';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { applyEdits } from '../overrides.ts';
import { getAt } from '../values-path.ts';
import type { Gate } from './gate.ts';

/** What to write into a spec so that the image behind a gate travels. */
export interface GateProfile {
  /** Of the scan profile, which no other of the release has. */
  readonly name: string;
  /** Of the scan profile; absent where no value has to be set. */
  readonly values?: Values;
  /** For `target.apiVersions`. */
  readonly apiVersions: readonly string[];
  /** For `target.kubernetes`. */
  readonly kubernetes?: string;
}

/**
 * The scan profile that opens a gate, and what the target has to have besides. `undefined` where an item of a list has to be set: a profile
 * would replace the list, whose other items are not known here.
 */
export function gateProfile(gate: Omit<Gate, 'where'>, taken: readonly string[]): GateProfile | undefined {
  const { settings, apiVersions = [], kubernetes } = gate;
  if (settings.some(({ path }) => path.some((step) => typeof step === 'number'))) return undefined;
  return {
    name: freeName(profileName(settings[0]?.path ?? []), taken),
    ...(settings.length === 0 ? {} : { values: applyEdits({}, settings) }),
    apiVersions,
    ...(kubernetes === undefined ? {} : { kubernetes }),
  };
}

/** Whether `values` have everything that the gate sets. */
export function opensGate(values: Values, { settings }: Pick<Gate, 'settings'>): boolean {
  return settings.length > 0 && settings.every(({ path, value }) => isDeepStrictEqual(getAt(values, path), value));
}

/** `metrics: [{ inline: { metrics: { enabled: true } } }]`: an entry of `scan`, in YAML. */
export function profileText({ name, values = {} }: GateProfile): string {
  return `${name}: [{ inline: ${flowText(values)} }]`;
}

/** `metrics.serviceMonitor.enabled` is a profile `service-monitor`. */
function profileName(path: Gate['settings'][number]['path']): string {
  const words = path
    .map(String)
    .filter((step, index) => index === 0 || !/^(?:enabled?|create|deploy|install|placeholder)$/.test(step));
  const name = (words.at(-1) ?? '').replace(/([a-z0-9])(?=[A-Z])/g, '$1-').toLowerCase();
  return (
    name
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/^-|-$/g, '') || 'gated'
  );
}

function freeName(name: string, taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/** One line of YAML that every reader takes for the same value. */
function flowText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) => `${keyText(key)}: ${flowText(item)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

/** Quoted where YAML 1.1 reads a word as something else than text. */
function keyText(key: string): string {
  return /^[A-Za-z][\w-]*$/.test(key) && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(key) ? key : JSON.stringify(key);
}
